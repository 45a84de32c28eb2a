// Cuts texts to the width of a column. One UTF-16 unit counts as one place of the terminal, which is right for the names that are shown.

const ELLIPSIS = '…';

/** @returns the beginning of the text, with an ellipsis if it is cut */
export function cutEnd(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${text.slice(0, width - 1).toWellFormed()}${ELLIPSIS}`;
}

/** The same of its end: of addresses and paths, the end tells them apart. */
export function cutStart(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${ELLIPSIS}${text.slice(text.length - width + 1).toWellFormed()}`;
}
