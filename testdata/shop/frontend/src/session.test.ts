import { beforeEach, expect, test, vi } from "vitest";
import { Session, type Part } from "./session";

const PRODUCTS = [
  { sku: "mug", name: "Coffee mug", unit_cents: 950, stock: 3 },
  { sku: "pen", name: "Ballpoint pen", unit_cents: 125, stock: 1000 },
];

const products = vi.fn(async () => PRODUCTS);
const order = vi.fn(async (sku: string, quantity: number, _email: string) => {
  return { id: 1, sku, quantity, total_cents: 0 };
});
let page: Partial<Record<Part, string>>;
let session: Session;

beforeEach(async () => {
  vi.clearAllMocks();
  page = {};
  session = new Session({ products, order }, (part, html) => (page[part] = html));
  await session.load();
});

test("an order empties the cart", async () => {
  session.change("mug", 2);
  session.change("hat", 1);
  expect(page.total).toBe("Total with VAT: €22.80");
  await session.order("ada@example.com");
  expect(order.mock.calls).toEqual([["mug", 2, "ada@example.com"]]);
  expect(page.total).toBe("Total with VAT: €0.00");
  expect(page.products).toContain("Ballpoint pen, €1.25");
  expect(page.message).toBe("Thank you for your order.");
});

test("after a refusal the reason is shown and only the rest is in the cart", async () => {
  session.change("mug", 1);
  session.change("pen", 1);
  order.mockResolvedValueOnce({ id: 1, sku: "mug", quantity: 1, total_cents: 1140 });
  order.mockRejectedValueOnce(new Error("only <0> left"));
  await session.order("ada@example.com");
  expect(page.message).toBe("only &lt;0&gt; left");
  expect(page.total).toBe("Total with VAT: €1.50");
});
