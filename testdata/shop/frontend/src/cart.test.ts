import { expect, test } from "vitest";
import { add, lineTotal, remove, total, type Product } from "./cart";

const mug: Product = { sku: "mug", name: "Coffee mug", unit_cents: 950, stock: 3 };
const pen: Product = { sku: "pen", name: "Ballpoint pen", unit_cents: 125, stock: 1000 };

test("a cart never holds more than the shelf", () => {
  expect(add({ mug: 2 }, mug, 5)).toEqual({ mug: 3 });
});

test("the last one taken out removes the line and leaves the others", () => {
  expect(add({ mug: 1, pen: 2 }, mug, -1)).toEqual({ pen: 2 });
  expect(remove({ mug: 1, pen: 2 }, "pen")).toEqual({ mug: 1 });
});

test("a change makes a new cart", () => {
  const before = { pen: 1 };
  add(before, pen);
  expect(before).toEqual({ pen: 1 });
});

test.each([
  [9, 10789],
  [10, 11388],
  [49, 55804],
  [50, 53946],
])("%i items at 9.99 cost %i cents, like in the backend", (quantity, cents) => {
  expect(lineTotal(999, quantity)).toBe(cents);
});

test("the total leaves out what is no longer sold", () => {
  expect(total({ mug: 2, hat: 9 }, [mug, pen])).toBe(2280);
});
