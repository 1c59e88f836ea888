const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

/** Formats whole cents, for example 123456 as €1,234.56. */
export function formatCents(cents: number): string {
  return euros.format(cents / 100);
}

/** Returns a share of an amount, half a cent rounded up: the backend does the same. */
export function percentOf(cents: number, percent: number): number {
  return Math.floor((cents * percent + 50) / 100);
}
