// Prints what the benchmark is doing, on standard error, so that the table can be redirected.

const startedAtMs = performance.now();

export function progress(text: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
}
