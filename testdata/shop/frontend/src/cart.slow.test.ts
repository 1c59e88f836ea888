import { expect, test } from "vitest";
import { lineTotal } from "./cart";

test("a whole cent amount for every small order, never below the next smaller one", { timeout: 60_000 }, () => {
  const wrong: string[] = [];
  for (let unit = 1; unit <= 4000; unit++) {
    for (let quantity = 1; quantity < 200; quantity++) {
      const [less, more] = [lineTotal(unit, quantity), lineTotal(unit + 1, quantity)];
      if (!Number.isInteger(less) || more < less) wrong.push(`${quantity} at ${unit}`);
    }
  }
  expect(wrong).toEqual([]);
});
