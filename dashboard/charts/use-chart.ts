// A chart of uPlot in an element: made when the element is there, as wide as it, and made anew when its options change.

import { type RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

export interface ChartParts {
  readonly heightPx: number;
  /** Without width and height. */
  readonly options: () => Omit<uPlot.Options, 'width' | 'height'>;
  readonly data: uPlot.AlignedData;
  /** A change of any of them makes another chart: the theme, what is shown. */
  readonly remakeFor: readonly unknown[];
}

export function useChart({
  heightPx,
  options,
  data,
  remakeFor,
}: ChartParts): RefObject<HTMLDivElement | null> {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  useLayoutEffect(() => {
    const { current } = place;
    if (current === null) return undefined;
    const widthOf = () => Math.max(200, Math.floor(current.clientWidth));
    const made = new uPlot({ ...options(), width: widthOf(), height: heightPx }, data, current);
    chart.current = made;
    const observer = new ResizeObserver(() => {
      if (widthOf() !== made.width) made.setSize({ width: widthOf(), height: heightPx });
    });
    observer.observe(current);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, remakeFor);
  useLayoutEffect(() => chart.current?.setData(data), [data]);
  return place;
}
