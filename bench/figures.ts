/** Statistics and tables for the reports of the benches. */

/** The value below which `part` of the values lie; NaN without values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? Number.NaN;
}
export const median = (values: readonly number[]): number => quantile(values, 0.5);
export const whole = (value: number): string => Math.round(value).toLocaleString("en");
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;

const RESAMPLED = 1_000;

/** The ratio of two medians with 95 % confidence, by bootstrapping: both samples are drawn again many times. */
export function ratioInterval(of: readonly number[], to: readonly number[]): [low: number, high: number] {
  const drawn = (values: readonly number[]) => median(values.map(() => pick(values)));
  const ratios = Array.from({ length: RESAMPLED }, () => drawn(of) / drawn(to));
  return [quantile(ratios, 0.025), quantile(ratios, 0.975)];
}
const pick = (values: readonly number[]): number => values[Math.floor(Math.random() * values.length)] ?? Number.NaN;

/** Rows below a head, with the first column to the left and the others to the right. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return `${[head, ...rows].map(line).join("\n")}\n`;
}
