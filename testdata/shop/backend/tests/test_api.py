import pytest
from fastapi.testclient import TestClient

from shop.app import create_app, get_store
from shop.config import Settings

TWO_MUGS = {"sku": "mug", "quantity": 2, "email": "ada@example.com"}


@pytest.fixture
def client():
    """The application without any service."""
    with TestClient(create_app(Settings(version="1.2.3"))) as client:
        yield client


@pytest.fixture
def shop(client, memory):
    """The application with a store."""
    client.app.dependency_overrides[get_store] = lambda: memory
    return client


def test_settings_treat_an_empty_variable_as_unset():
    assert Settings.from_env({"VERSION": "1.2.3", "REDIS_URL": ""}) == Settings("1.2.3")


def test_version_is_the_one_of_the_image(client):
    assert client.get("/version").json() == {"version": "1.2.3"}


def test_health_without_services(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "not configured", "redis": "not configured"}


def test_health_fails_without_naming_the_address():
    nowhere = "redis://:hunter2@127.0.0.1:1/0"
    with TestClient(create_app(Settings(redis_url=nowhere))) as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "failed: ConnectionError"
    assert "hunter2" not in answer.text


def test_orders_need_a_database(client):
    assert client.post("/orders", json=TWO_MUGS).status_code == 503


@pytest.mark.parametrize("change", [{"quantity": 0}, {"sku": ""}, {"email": "ada"}])
def test_a_bad_order_is_refused(shop, change):
    assert shop.post("/orders", json=TWO_MUGS | change).status_code == 422


def test_an_order_is_priced_kept_and_taken_from_the_shelf(shop):
    placed = shop.post("/orders", json=TWO_MUGS)
    assert placed.status_code == 201
    assert placed.json()["total_cents"] == 2280
    assert shop.get("/orders/1").json() == placed.json()
    assert shop.get("/products").json()[0]["stock"] == 0


def test_what_is_not_there_can_not_be_had(shop):
    too_many = shop.post("/orders", json=TWO_MUGS | {"quantity": 3})
    assert (too_many.status_code, too_many.json()["detail"]) == (409, "only 2 left, 3 wanted")
    assert shop.post("/orders", json=TWO_MUGS | {"sku": "hat"}).status_code == 404
    assert shop.get("/orders/1").status_code == 404
