// Lets a component show what the model knows, again each time that it has changed.

import { useLayoutEffect, useState } from 'preact/hooks';
import type { ProxyModel } from '../model/proxy-model.ts';

/** @returns the time of the last change, in milliseconds since 1970 */
export function useModel(model: ProxyModel): number {
  const [nowEpochMs, setNow] = useState(() => Date.now());
  // At once: what the model is told before the next frame may be all that it is told for a long time.
  useLayoutEffect(() => {
    const unsubscribe = model.subscribe(() => setNow(Date.now()));
    // The sentences about a lost connection count seconds.
    const timer = setInterval(() => {
      if (model.feed.kind === 'lost' || model.feed.kind === 'connecting') setNow(Date.now());
    }, 1000);
    return () => {
      unsubscribe();
      clearInterval(timer);
    };
  }, [model]);
  return nowEpochMs;
}
