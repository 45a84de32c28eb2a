// Colours of what commands print.

import { styleText } from 'node:util';

/** Adds colour only on a terminal, and respects NO_COLOR. */
export function paint(stream: NodeJS.WriteStream, colour: 'green' | 'red' | 'yellow', text: string): string {
  return styleText(colour, text, { stream });
}
