import type { Cart, Product } from "./cart";
import { formatCents } from "./money";

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes text safe inside HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** Writes one product with its buttons. */
export function productHtml(product: Product, cart: Cart): string {
  const sku = escapeHtml(product.sku);
  const wanted = cart[product.sku] ?? 0;
  return `<article>
  <span>${escapeHtml(product.name)}, ${formatCents(product.unit_cents)}</span>
  <span>
    <button data-sku="${sku}" data-change="-1"${wanted === 0 ? " disabled" : ""}>-</button>
    ${wanted}
    <button data-sku="${sku}" data-change="1"${wanted >= product.stock ? " disabled" : ""}>+</button>
  </span>
</article>`;
}
