// How long to wait, in words for a person. Fields for programs have the exact time.

const STEPS = [
  { fromMs: 7_200_000, unitMs: 3_600_000, unit: 'hours' },
  { fromMs: 120_000, unitMs: 60_000, unit: 'minutes' },
  { fromMs: 10_000, unitMs: 1000, unit: 's' },
] as const;

/** @returns '250 ms', '12 s', '10 minutes', '3 hours', never less than the time */
export function waitText(waitMs: number): string {
  const step = STEPS.find(({ fromMs }) => waitMs >= fromMs);
  return step === undefined ? `${waitMs} ms` : `${Math.ceil(waitMs / step.unitMs)} ${step.unit}`;
}
