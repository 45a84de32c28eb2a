// Everything that is known of one call.

import { counted, formatAge, formatBytes } from '../model/format.ts';
import type { LiveCall, LiveDirection } from '../model/live-calls.ts';
import { type Fact, FactList } from './fact-list.tsx';

interface LiveCallFactsProps {
  readonly call: LiveCall;
  /** Whether it is not among the calls any more. */
  readonly isOver: boolean;
  readonly onClose: () => void;
}

export function LiveCallFacts({ call, isOver, onClose }: LiveCallFactsProps) {
  const { blocked } = call;
  return (
    <aside class="detail" aria-label="The call in full">
      <div class="detail-head">
        <h3>{call.method}</h3>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      <p>
        {isOver
          ? 'This call has ended, or is not among those shown any more. This is how it was last.'
          : blocked.sentence}
      </p>
      <FactList facts={factsOf(call)} />
    </aside>
  );
}

function factsOf(call: LiveCall): readonly Fact[] {
  return [
    ['Client', call.client],
    ['Authority', call.authority],
    ['Protocol', call.protocol],
    ['Listener', call.listener],
    ['Route', call.route],
    ['Upstream', call.upstream],
    ['Endpoint', call.endpoint],
    ['Attempt', call.attempt === 0 ? 'none yet' : String(call.attempt)],
    ['State', call.state.replaceAll('_', ' ')],
    ['Waits for', call.waitsFor],
    ['Age', formatAge(call.ageMs)],
    ['Silent for', formatAge(call.silentMs)],
    ['From the client', directionText(call.request)],
    ['From the service', directionText(call.response)],
    ['Request id', call.requestId],
    ['Worker', call.worker === undefined ? undefined : String(call.worker)],
    ['Id', call.id],
  ];
}

function directionText({
  bytes,
  messages,
  silentMs,
  hasEnded,
  waitingBytes,
  pacedMs,
}: LiveDirection): string {
  return [
    `${formatBytes(bytes)} in ${counted(messages, 'message')}`,
    silentMs === undefined ? 'nothing has come' : `the last ${formatAge(silentMs)} ago`,
    ...(waitingBytes > 0 ? [`${formatBytes(waitingBytes)} wait to be taken`] : []),
    ...(pacedMs === undefined ? [] : [`limits held it back for ${formatAge(pacedMs)}`]),
    ...(hasEnded ? ['it has ended'] : []),
  ].join(', ');
}
