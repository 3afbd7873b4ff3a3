export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between two values that lie next to each other, in proportion. Not a number when there are none. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * at;
  const lower = sorted[Math.floor(position)] ?? Number.NaN;
  const upper = sorted[Math.ceil(position)] ?? Number.NaN;
  return lower + (upper - lower) * (position - Math.floor(position));
}

/** Three figures: 1,234 and 12.3 and 0.0123. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const decimals = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
