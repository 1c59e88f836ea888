import "./style.css";
import { Client } from "./api";
import { Session } from "./session";

/** Finds one of the elements that index.html always has. */
function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

const client = new Client();
const session = new Session(client, (part, html) => {
  element(part).innerHTML = html;
});

element("products").addEventListener("click", ({ target }) => {
  if (target instanceof HTMLButtonElement) {
    session.change(target.dataset.sku, Number(target.dataset.change));
  }
});

element("cart").addEventListener("submit", (event) => {
  event.preventDefault();
  const email = new FormData(event.target as HTMLFormElement).get("email");
  void session.order(String(email));
});

void session.load();
element("version").textContent = await client.version();
