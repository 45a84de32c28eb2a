// What is right and wrong about a session, from what its client has heard and its service has seen.

import { numberOf } from './h2-requests.ts';
import { methodIn, mostAnswersOf, requestsOf } from './http1-answers.ts';
import type { SessionLog } from './scripted-service.ts';
import { type Answer, readH2Answers, readHttp1Answers } from './strict-answers.ts';
import type { Heard } from './web-client.ts';
import { HIDDEN, type Item, tokensIn, type WebSession } from './web-session.ts';

/** @returns what is wrong; undefined when all is well */
export function judge(session: WebSession, heard: Heard, log: SessionLog): string | undefined {
  return (
    heard.problem ??
    log.problems.at(0) ??
    judgeTokens(session, heard) ??
    (session.speaks === 'h2' ? judgeH2(session, heard, log) : judgeHttp1(session, heard, log)) ??
    judgeRepeats(session, log)
  );
}

/** No byte of another client, and none of a request that was hidden. */
function judgeTokens({ seed, items }: WebSession, { text, frames }: Heard): string | undefined {
  const heard = text + frames.map(({ payload }) => payload.toString('latin1')).join('\n');
  // A changed digit of its own token may come back to it in a refusal, which quotes the path.
  const sent = new Set(tokensIn(JSON.stringify(items)).map((own) => own.seed));
  const foreign = tokensIn(heard).find((found) => found.seed !== seed && !sent.has(found.seed));
  if (foreign !== undefined) return `a byte of another client (session ${foreign.seed})`;
  if (tokensIn(heard).some(({ number }) => number >= HIDDEN)) return 'bytes that answer no request';
  return undefined;
}

function judgeHttp1(session: WebSession, heard: Heard, log: SessionLog): string | undefined {
  const requests = requestsOf(session);
  const asked = {
    methods: requests.map(({ method }) => method),
    methodOf: methodIn(session),
    mostAnswers: mostAnswersOf(session),
  };
  // The proxy answers in the language that the client has chosen, or that it takes the bytes for.
  const [first] = requests;
  const isStrange = !session.isLegal && !/^[A-Z]+ \S+ HTTP\/1/.test(first?.head[0] ?? '');
  const mayDiffer = session.speaks === 'bytes' || isStrange || session.alpn?.includes('h2') === true;
  if (mayDiffer && !heard.text.startsWith('HTTP/1.1 ')) return undefined;
  const { answers, problem, tunnel } = readHttp1Answers(heard.text, asked, heard.isEnded);
  if (problem !== undefined) return `an answer that no client can parse: ${problem}`;
  let last = -1;
  for (const answer of answers) {
    const numbers = new Set(tokensIn(answer.text).map(({ number }) => number));
    if (numbers.size > 1) return `two answers in one: ${JSON.stringify(answer.text.slice(0, 300))}`;
    const [number] = numbers;
    if (number === undefined) continue;
    if (number <= last) return `the answer to request ${number} behind that to ${last}`;
    last = number;
    const found = judgeAnswer(session, number, answer);
    if (found !== undefined) return found;
  }
  if (!session.isLegal) return undefined;
  return judgeServed(session, answers, log) ?? judgeTunnel(session, tunnel);
}

function judgeH2(session: WebSession, { frames }: Heard, log: SessionLog): string | undefined {
  const methods = new Map<number, string>();
  for (const item of session.items) {
    if (item.kind !== 'headers' || methods.has(item.stream)) continue;
    methods.set(item.stream, item.fields.find(([name]) => name === ':method')?.[1] ?? '');
  }
  const { answers, problem } = readH2Answers(frames, methods);
  if (problem !== undefined) return `an answer that no client can parse: ${problem}`;
  for (const [stream, answer] of answers) {
    const number = numberOf(stream);
    const other = tokensIn(answer.text).find((found) => found.number !== number);
    if (other !== undefined) return `bytes of request ${other.number} in the answer to ${number}`;
    const found = judgeAnswer(session, number, answer);
    if (found !== undefined) return found;
  }
  if (!session.isLegal) return undefined;
  const inOrder = [...methods.keys()].map((stream) => answers.get(stream));
  return judgeServed(session, inOrder, log);
}

/** What the service did badly does not look well. */
function judgeAnswer({ scripts, alpn }: WebSession, number: number, answer: Answer): string | undefined {
  const script = scripts[number];
  if (script === undefined || !answer.isWhole || answer.status >= 400) return undefined;
  // An answer of the proxy's own, or one that only quotes the path.
  if (!/^x-token:/im.test(answer.text)) return undefined;
  // Within TLS it is the missing close_notify that says so, which Node's clients do not tell from a FIN.
  const isUntold = answer.isEndedByClose && alpn !== undefined;
  if (isUntold) return undefined;
  if (script.outcome === 'cut') return `an answer that broke off looks whole, request ${number}`;
  if (script.outcome === 'bad') return `an answer that cannot be translated was passed on, request ${number}`;
  return undefined;
}

interface Wanted {
  readonly number: number;
  readonly method: string;
  readonly content: string;
}

function wantedOf({ items, speaks }: WebSession): readonly Wanted[] {
  if (speaks !== 'h2') return items.flatMap((item) => (item.kind === 'request' ? [item] : []));
  const wanted = new Map<number, Wanted>();
  for (const item of items) {
    if (item.kind === 'headers' && !wanted.has(item.stream)) {
      const method = item.fields.find(([name]) => name === ':method')?.[1] ?? '';
      wanted.set(item.stream, {
        number: numberOf(item.stream),
        method,
        content: contentOf(items, item.stream),
      });
    }
  }
  return [...wanted.values()];
}

function contentOf(items: readonly Item[], stream: number): string {
  return items.map((item) => (item.kind === 'data' && item.stream === stream ? item.text : '')).join('');
}

/** Every request of a legal session reached the service whole, and every answer the client. */
function judgeServed(
  session: WebSession,
  answers: readonly (Answer | undefined)[],
  log: SessionLog,
): string | undefined {
  for (const [index, { number, method, content }] of wantedOf(session).entries()) {
    const script = session.scripts[number];
    const answer = answers[index];
    // Behind an answer that broke off nothing else comes on a connection of HTTP/1.1.
    if (script === undefined || script.outcome !== 'whole') return undefined;
    if (answer === undefined) return `request ${number} got no answer`;
    const received = log.requests.get(number)?.at(-1);
    const told = `request ${number} got ${answer.status} ${JSON.stringify(answer.text.slice(0, 400))}`;
    if (received === undefined) return `request ${number} never reached the service: ${told}`;
    if (answer.status !== script.status) return `${told} in place of ${script.status}`;
    if (received.method !== method) return `the method ${method} became ${received.method}`;
    if (script.status === 101) continue;
    if (received.content !== content || !received.isWhole)
      return `request ${number}: of ${content.length} bytes the service got ${received.content.length}`;
    const wanted = method === 'HEAD' ? '' : script.content;
    if (answer.content !== wanted)
      return `request ${number}: of ${wanted.length} bytes the client got ${answer.content.length}`;
    if (!answer.isWhole) return `the answer to request ${number} has no end`;
  }
  return undefined;
}

/** What was sent into a tunnel comes back behind what the service said first. */
function judgeTunnel({ items, scripts }: WebSession, tunnel: string | undefined): string | undefined {
  if (tunnel === undefined) return undefined;
  const script = Object.values(scripts).find(({ status }) => status === 101);
  if (script?.outcome !== 'whole') return undefined;
  const sent = items
    .map((item) => (item.kind === 'bytes' && !item.text.startsWith('PROXY') ? item.text : ''))
    .join('');
  const wanted = script.content + sent;
  return tunnel === wanted ? undefined : `of ${wanted.length} bytes of a tunnel ${tunnel.length} came back`;
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

function judgeRepeats(_session: WebSession, log: SessionLog): string | undefined {
  for (const [number, received] of log.requests)
    if (received.length > 1 && !REPEATABLE.has(received[0].method))
      return `request ${number}, a ${received[0].method}, was sent to the service ${received.length} times`;
  return undefined;
}
