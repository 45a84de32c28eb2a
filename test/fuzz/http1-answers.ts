// Which answer of an HTTP/1.1 connection belongs to which request of a session: by the token in it, and by its place.

import type { Asked } from './strict-answers.ts';
import { type RequestItem, tokensIn, type WebSession } from './web-session.ts';

export function requestsOf({ items }: WebSession): readonly RequestItem[] {
  return items.filter((item): item is RequestItem => item.kind === 'request');
}

/** The head of an answer names its request, unless it is the proxy's own. */
export function methodIn(session: WebSession): NonNullable<Asked['methodOf']> {
  const methods = new Map(requestsOf(session).map(({ number, method }) => [number, method]));
  return (head, behind) => {
    const [found] = tokensIn(head);
    if (found !== undefined) return methods.get(found.number);
    // Of a request that it cannot read the proxy does not know that it is a HEAD.
    return session.isLegal || behind === '' || behind.startsWith('HTTP/1.1 ') ? undefined : 'GET';
  };
}

/** What breaks rules may be taken for two requests: itself, and what is left over. */
export function mostAnswersOf(session: WebSession): number {
  const { length } = requestsOf(session);
  if (session.isLegal) return length;
  return 2 * Math.max(1, length) + session.items.length;
}
