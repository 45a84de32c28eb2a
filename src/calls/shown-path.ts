// What is shown of the path of a call to whoever may see which calls there are: the query can hold a token.

/** @returns the path of a `:path`, without its query */
export function shownPath(method: string): string {
  const query = method.indexOf('?');
  return query === -1 ? method : method.slice(0, query);
}
