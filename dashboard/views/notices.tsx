// Sentences about the state of the proxy and of the connection to it, which are read out when they come.

import type { Notice } from '../model/connection-sentence.ts';
import { type MarkKind, StateMark } from './state-mark.tsx';

const MARKS: Readonly<Record<Notice['kind'], MarkKind>> = { bad: 'bad', warning: 'warning', news: 'waiting' };

export function Notices({ notices }: { readonly notices: readonly Notice[] }) {
  return (
    <div class="notices" role="status">
      {notices.map(({ kind, sentence, more }) => (
        <p key={sentence} class={`notice notice-${kind}`}>
          <StateMark kind={MARKS[kind]} />
          <span>
            {sentence} {more !== undefined && <span aria-live="off">{more}</span>}
          </span>
        </p>
      ))}
    </div>
  );
}
