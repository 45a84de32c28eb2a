// What a fuzzing session consists of, so that it can be written down, shortened and run again.

export type Step =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The connection's output is taken to the peer. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'time'; readonly ms: number }
  /** An owner on the connection's side does something; in the client role it may open a stream. */
  | { readonly kind: 'act'; readonly choice: number };

export type StepKind = Step['kind'];

export function stepToJson(step: Step): unknown {
  return step.kind === 'bytes' ? { kind: 'bytes', hex: step.bytes.toString('hex') } : step;
}

export function stepFromJson(value: unknown): Step {
  if (typeof value !== 'object' || value === null || !('kind' in value)) throw new Error('not a step');
  if (value.kind === 'bytes' && 'hex' in value)
    return { kind: 'bytes', bytes: Buffer.from(String(value.hex), 'hex') };
  if (value.kind === 'time' && 'ms' in value) return { kind: 'time', ms: Number(value.ms) };
  if (value.kind === 'act' && 'choice' in value) return { kind: 'act', choice: Number(value.choice) };
  return { kind: 'drain' };
}
