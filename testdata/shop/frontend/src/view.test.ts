import { expect, test } from "vitest";
import { productHtml } from "./view";

test("a product's name and sku stay text", () => {
  const html = productHtml({ sku: '"><b>', name: "<script>", unit_cents: 950, stock: 3 }, {});
  expect(html).toContain("&lt;script&gt;, €9.50");
  expect(html).toContain('data-sku="&quot;&gt;&lt;b&gt;"');
  expect(html).not.toContain("<script>");
});

test("buttons that would do nothing are disabled", () => {
  const mug = { sku: "mug", name: "Mug", unit_cents: 950, stock: 2 };
  expect(productHtml(mug, {})).toContain('data-change="-1" disabled');
  expect(productHtml(mug, { mug: 2 })).toContain('data-change="1" disabled');
});
