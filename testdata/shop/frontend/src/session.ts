import type { Client } from "./api";
import { add, remove, total, type Cart, type Product } from "./cart";
import { formatCents } from "./money";
import { escapeHtml, productHtml } from "./view";

export type Part = "products" | "total" | "message";

/** One visit: what is for sale, what is in the cart, and what the page shows of it. */
export class Session {
  private cart: Cart = {};
  private products: readonly Product[] = [];

  constructor(
    private readonly client: Pick<Client, "products" | "order">,
    private readonly show: (part: Part, html: string) => void,
  ) {}

  /** Reads the catalogue again. */
  async load(): Promise<void> {
    await this.attempt(async () => {
      this.products = await this.client.products();
    });
  }

  /** Puts more or less of a product into the cart. */
  change(sku: string | undefined, quantity: number): void {
    const product = this.products.find((each) => each.sku === sku);
    if (product) this.cart = add(this.cart, product, quantity);
    this.render();
  }

  /** Orders line by line; what was ordered leaves the cart, so that a second try orders the rest. */
  async order(email: string): Promise<void> {
    await this.attempt(async () => {
      for (const [sku, quantity] of Object.entries(this.cart)) {
        await this.client.order(sku, quantity, email);
        this.cart = remove(this.cart, sku);
      }
      this.products = await this.client.products();
      this.show("message", "Thank you for your order.");
    });
  }

  private async attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.show("message", escapeHtml(error instanceof Error ? error.message : String(error)));
    }
    this.render();
  }

  private render(): void {
    const list = this.products.map((product) => productHtml(product, this.cart));
    this.show("products", list.join(""));
    this.show("total", `Total with VAT: ${formatCents(total(this.cart, this.products))}`);
  }
}
