import type { Product } from "./cart";

export interface Order {
  id: number;
  sku: string;
  quantity: number;
  total_cents: number;
}

/** What the backend refused, in words for the customer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Talks to the orders API. */
export class Client {
  constructor(
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
    private readonly base = "/api",
  ) {}

  products(): Promise<Product[]> {
    return this.send("/products");
  }

  order(sku: string, quantity: number, email: string): Promise<Order> {
    return this.send("/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sku, quantity, email }),
    });
  }

  /** Reads the version this page was built as; nothing where the server has none. */
  async version(): Promise<string> {
    const response = await this.fetcher("/version.txt");
    return response.ok ? (await response.text()).trim() : "";
  }

  private async send<T>(path: string, init?: RequestInit): Promise<T> {
    const response = await this.fetcher(this.base + path, init);
    if (!response.ok) throw new ApiError(response.status, await reason(response));
    return response.json() as Promise<T>;
  }
}

/** Finds the reason in an answer that may come from the backend or from nginx. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body === "object" && body !== null && "detail" in body) {
    if (typeof body.detail === "string") return body.detail;
  }
  return `the shop answered ${response.status}`;
}
