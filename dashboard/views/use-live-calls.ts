// Reads the calls in flight again and again while they are in view. Each reading begins some time after the last one has ended, so that
// a large list never keeps the proxy busy.

import { useEffect, useRef, useState } from 'preact/hooks';
import { interruptibleSleep } from '../feed/interruptible-sleep.ts';
import { readToken } from '../feed/session-token.ts';
import { type LiveCallsFound, type LiveCallsQuery, readLiveCalls } from '../model/live-calls.ts';

const EVERY_MS = 2000;
/** Readings take at most this part of the time. */
const MOST_BUSY = 0.2;

export interface LiveCallsView {
  readonly found: LiveCallsFound | undefined;
  /** What went wrong with the last reading. */
  readonly problem: string | undefined;
}

/** @param isWanted false while they are not in view, or the page is paused or not connected */
export function useLiveCalls(query: LiveCallsQuery, wanted: number, isWanted: boolean): LiveCallsView {
  const [view, setView] = useState<LiveCallsView>({ found: undefined, problem: undefined });
  const latest = useRef(wanted);
  latest.current = wanted;
  const { blocked, sort, method } = query;
  useEffect(() => {
    if (!isWanted) return undefined;
    const running = new AbortController();
    void readAgain(query, latest, { signal: running.signal, onView: setView });
    return () => running.abort();
    // More rows are wanted at once.
  }, [blocked, sort, method, wanted, isWanted]);
  return view;
}

interface Reading {
  readonly signal: AbortSignal;
  readonly onView: (change: (view: LiveCallsView) => LiveCallsView) => void;
}

async function readAgain(
  query: LiveCallsQuery,
  wanted: { readonly current: number },
  { signal, onView }: Reading,
): Promise<void> {
  while (!signal.aborted) {
    const beganMs = performance.now();
    try {
      const options = {
        token: readToken,
        fetch: (url: string, init: RequestInit) => fetch(url, { ...init, signal }),
      };
      const found = await readLiveCalls(query, wanted.current, options);
      if (!signal.aborted) onView(() => ({ found, problem: undefined }));
    } catch (error) {
      const problem =
        error instanceof TypeError ? 'The proxy does not answer.' : String(error).replace(/^Error: /, '');
      if (!signal.aborted) onView(({ found }) => ({ found, problem }));
    }
    await interruptibleSleep(Math.max(EVERY_MS, (performance.now() - beganMs) / MOST_BUSY), signal);
  }
}

/** @returns whether the element is in view, so that what nobody sees is not read */
export function useInView(element: { readonly current: Element | null }): boolean {
  const [isInView, setIsInView] = useState(false);
  useEffect(() => {
    if (element.current === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => setIsInView(entries.at(-1)?.isIntersecting === true),
      {
        rootMargin: '200px',
      },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return isInView;
}
