import { expect, test, vi } from "vitest";
import { ApiError, Client } from "./api";

function answering(body: string, status = 200) {
  return vi.fn<typeof fetch>(async () => new Response(body, { status }));
}

test("products are read below the base path", async () => {
  const fetcher = answering('[{"sku":"mug"}]');
  await expect(new Client(fetcher, "/v1").products()).resolves.toEqual([{ sku: "mug" }]);
  expect(fetcher).toHaveBeenCalledExactlyOnceWith("/v1/products", undefined);
});

test("an order is sent as JSON", async () => {
  const fetcher = answering('{"id":7}', 201);
  await expect(new Client(fetcher).order("mug", 2, "ada@example.com")).resolves.toEqual({ id: 7 });
  const [path, init] = fetcher.mock.calls[0] ?? [];
  expect([path, init?.method]).toEqual(["/api/orders", "POST"]);
  expect(init?.body).toBe('{"sku":"mug","quantity":2,"email":"ada@example.com"}');
});

test("the version is the text of the file, without its line break", async () => {
  await expect(new Client(answering("1.2.3\n")).version()).resolves.toBe("1.2.3");
  await expect(new Client(answering("not here", 404)).version()).resolves.toBe("");
});

test.each([
  ["the backend's reason", '{"detail":"only 2 left, 3 wanted"}', 409, "only 2 left, 3 wanted"],
  ["a list of faults", '{"detail":[{"loc":["body"]}]}', 422, "the shop answered 422"],
  ["a page from nginx", "<h1>Bad Gateway</h1>", 502, "the shop answered 502"],
])("a refusal says why: %s", async (_name, body, status, message) => {
  const refused = new Client(answering(body, status)).order("mug", 3, "ada@example.com");
  await expect(refused).rejects.toEqual(new ApiError(status, message));
});
