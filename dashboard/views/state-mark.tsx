// A state as a shape and a colour: whoever cannot tell the colours apart sees the shape, and a word stands beside it.

export type MarkKind = 'good' | 'waiting' | 'off' | 'warning' | 'bad';

const SHAPES: Readonly<Record<MarkKind, string>> = {
  // A full circle, a half one, an empty one, a triangle, a cross.
  good: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z',
  waiting: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zm0 1.4a3.1 3.1 0 0 1 0 6.2z',
  off: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zm0 1.4a3.1 3.1 0 1 1 0 6.2a3.1 3.1 0 1 1 0-6.2z',
  warning: 'M6 .8l5.6 10.2H.4z',
  bad: 'M2.6 1.2L6 4.6l3.4-3.4 1.4 1.4L7.4 6l3.4 3.4-1.4 1.4L6 7.4l-3.4 3.4-1.4-1.4L4.6 6 1.2 2.6z',
};

export function StateMark({ kind }: { readonly kind: MarkKind }) {
  return (
    <svg class={`mark mark-${kind}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path d={SHAPES[kind]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}
