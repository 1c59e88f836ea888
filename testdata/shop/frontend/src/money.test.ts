import { expect, test } from "vitest";
import { formatCents, percentOf } from "./money";

test("cents become euros with a comma for thousands", () => {
  expect(formatCents(123405)).toBe("€1,234.05");
});

test("half a cent is rounded up", () => {
  expect([percentOf(5, 10), percentOf(4, 10)]).toEqual([1, 0]);
});
