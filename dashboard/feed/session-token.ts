// The token of the admin server, for as long as the tab is open. It is kept nowhere else.

const KEY = 'framegate.admin-token';

export function readToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** @param token undefined forgets it */
export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}
