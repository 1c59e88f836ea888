import { percentOf } from "./money";

export interface Product {
  sku: string;
  name: string;
  unit_cents: number;
  stock: number;
}

/** The quantity wanted of each sku. Carts are values: every change makes a new one. */
export type Cart = Readonly<Record<string, number>>;

export const VAT_PERCENT = 20;

/** Adds one product, but never more than is in stock. */
export function add(cart: Cart, product: Product, quantity = 1): Cart {
  const wanted = Math.min((cart[product.sku] ?? 0) + quantity, product.stock);
  return wanted > 0 ? { ...cart, [product.sku]: wanted } : remove(cart, product.sku);
}

/** Takes a product out of the cart. */
export function remove(cart: Cart, sku: string): Cart {
  return Object.fromEntries(Object.entries(cart).filter(([key]) => key !== sku));
}

/** Returns the bulk discount for a quantity of one product. */
export function discountPercent(quantity: number): number {
  if (quantity >= 50) return 10;
  return quantity >= 10 ? 5 : 0;
}

/** Prices one line of the cart as the backend will. */
export function lineTotal(unitCents: number, quantity: number): number {
  const net = unitCents * quantity;
  const discounted = net - percentOf(net, discountPercent(quantity));
  return discounted + percentOf(discounted, VAT_PERCENT);
}

/** Prices the cart. A product that left the catalogue costs nothing and is not ordered. */
export function total(cart: Cart, products: readonly Product[]): number {
  return products.reduce(
    (sum, product) => sum + lineTotal(product.unit_cents, cart[product.sku] ?? 0),
    0,
  );
}
