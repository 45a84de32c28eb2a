// The calls in flight: who holds each of them up, since when, and in which words.

import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, formatAge, formatBytes, formatCount } from '../model/format.ts';
import { type LiveCall, type LiveCallsQuery, MOST_CALLS } from '../model/live-calls.ts';
import type { ProxyModel } from '../model/proxy-model.ts';
import { LiveCallFacts } from './live-call-facts.tsx';
import { MethodName } from './method-name.tsx';
import { Section } from './section.tsx';
import { type MarkKind, StateMark } from './state-mark.tsx';
import { useInView, useLiveCalls } from './use-live-calls.ts';
import { type Column, VirtualTable } from './virtual-table.tsx';

const ROW_PX = 46;
const MOST_PX = 460;
const AT_FIRST = 300;
/** A pause in the typing after which the filter applies. */
const TYPED_MS = 300;

const HOLDERS: Readonly<Record<string, readonly [kind: MarkKind, text: string]>> = {
  service: ['bad', 'service'],
  client: ['warning', 'client'],
  framegate: ['waiting', 'Framegate'],
  nobody: ['good', 'nobody'],
};

export function LiveCallSection({ model }: { readonly model: ProxyModel }) {
  const place = useRef<HTMLDivElement>(null);
  const [query, setQuery] = useState<LiveCallsQuery>({ blocked: '', sort: 'silent', method: '' });
  const [wanted, setWanted] = useState(AT_FIRST);
  const [chosen, setChosen] = useState<LiveCall | undefined>(undefined);
  const isInView = useInView(place);
  const { found, problem } = useLiveCalls(
    query,
    wanted,
    isInView && !model.isPaused && model.feed.kind === 'open',
  );
  const change = (part: Partial<LiveCallsQuery>) => {
    setQuery({ ...query, ...part });
    setWanted(AT_FIRST);
  };
  const calls = found?.calls ?? [];
  const shown = chosen === undefined ? undefined : (calls.find(({ id }) => id === chosen.id) ?? chosen);
  const more = () => {
    if (found !== undefined && calls.length < found.matching && wanted < MOST_CALLS)
      setWanted(Math.min(MOST_CALLS, wanted * 4));
  };
  return (
    <Section
      id="calls"
      title="Live calls"
      note={noteOf(found)}
      controls={<Filters query={query} onChange={change} />}
    >
      <div ref={place}>
        {problem !== undefined && <p class="notice notice-warning">{problem}</p>}
        <VirtualTable
          label="live calls"
          columns={columnsOf(setChosen, shown)}
          rows={calls}
          keyOf={({ id }) => id}
          rowPx={ROW_PX}
          mostPx={MOST_PX}
          isMarked={({ id }) => id === shown?.id}
          onEnd={more}
          empty={emptyText(found !== undefined, query)}
        />
        {shown !== undefined && (
          <LiveCallFacts
            call={shown}
            isOver={!calls.some(({ id }) => id === shown.id)}
            onClose={() => setChosen(undefined)}
          />
        )}
      </div>
    </Section>
  );
}

function noteOf(
  found:
    | { readonly total: number; readonly matching: number; readonly calls: readonly unknown[] }
    | undefined,
): string {
  if (found === undefined) return '';
  const { total, matching, calls } = found;
  const all =
    matching === total ? counted(total, 'call') : `${formatCount(matching)} of ${counted(total, 'call')}`;
  return calls.length < matching ? `${all}, the first ${formatCount(calls.length)} shown` : all;
}

function emptyText(isRead: boolean, { blocked, method }: LiveCallsQuery): string {
  if (!isRead) return 'The calls are being read.';
  return blocked === '' && method === '' ? 'There are no calls now.' : 'There are no such calls now.';
}

interface FiltersProps {
  readonly query: LiveCallsQuery;
  readonly onChange: (part: Partial<LiveCallsQuery>) => void;
}

function Filters({ query, onChange }: FiltersProps) {
  const [method, setMethod] = useState(query.method);
  useEffect(() => {
    if (method === query.method) return undefined;
    const timer = setTimeout(() => onChange({ method }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [method, query]);
  return (
    <>
      <label>
        <span>Held up by</span>
        <select
          value={query.blocked}
          onChange={({ currentTarget }) => onChange({ blocked: currentTarget.value })}
        >
          <option value="">anyone</option>
          <option value="service">the service</option>
          <option value="client">the client</option>
          <option value="framegate">Framegate</option>
          <option value="nobody">nobody</option>
        </select>
      </label>
      <label>
        <span>First</span>
        <select
          value={query.sort}
          onChange={({ currentTarget: { value } }) =>
            onChange({ sort: value === 'age' || value === 'bytes' ? value : 'silent' })
          }
        >
          <option value="silent">longest silent</option>
          <option value="age">oldest</option>
          <option value="bytes">largest</option>
        </select>
      </label>
      <label>
        <span>Method</span>
        <input
          type="search"
          placeholder="/package.Service/"
          spellcheck={false}
          value={method}
          onInput={({ currentTarget }) => setMethod(currentTarget.value)}
        />
      </label>
    </>
  );
}

function columnsOf(
  onChoose: (call: LiveCall | undefined) => void,
  shown: LiveCall | undefined,
): readonly Column<LiveCall>[] {
  return [
    {
      id: 'method',
      title: 'Call',
      cell: (call) => (
        <>
          <button
            type="button"
            class="opener"
            title={call.method}
            aria-label={call.method}
            aria-expanded={call.id === shown?.id}
            onClick={() => onChoose(call.id === shown?.id ? undefined : call)}
          >
            <MethodName path={call.method} />
          </button>
          <small class="cut">
            {call.client} · {call.protocol}
          </small>
        </>
      ),
    },
    {
      id: 'where',
      title: 'Route, endpoint',
      isExtra: true,
      cell: ({ route, endpoint }) => (
        <>
          <span class="cut" title={route}>
            {route}
          </span>
          <small class="cut">{endpoint}</small>
        </>
      ),
    },
    { id: 'age', title: 'Age', isNumber: true, isExtra: true, cell: ({ ageMs }) => formatAge(ageMs) },
    { id: 'silent', title: 'Silent', isNumber: true, cell: ({ silentMs }) => formatAge(silentMs) },
    {
      id: 'bytes',
      title: 'Received',
      isNumber: true,
      isExtra: true,
      cell: ({ request, response }) => (
        <>
          <span>↑ {formatBytes(request.bytes)}</span>
          <small>↓ {formatBytes(response.bytes)}</small>
        </>
      ),
    },
    { id: 'holder', title: 'Held up by', cell: Holder },
  ];
}

function Holder({ blocked: { by, sentence } }: LiveCall) {
  const [kind, text] = HOLDERS[by] ?? ['off', by];
  return (
    <div class="holder">
      <span class={`holder-name state-${kind}`}>
        <StateMark kind={kind} /> {text}
      </span>
      <span class="sentence" title={sentence}>
        {sentence}
      </span>
    </div>
  );
}
