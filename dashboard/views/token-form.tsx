// Asks for the token of the admin server.

import { useState } from 'preact/hooks';

interface TokenFormProps {
  readonly isWrong: boolean;
  readonly onToken: (token: string) => void;
}

export function TokenForm({ isWrong, onToken }: TokenFormProps) {
  const [token, setToken] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() !== '') onToken(token.trim());
  };
  return (
    <form class="token-form" onSubmit={submit}>
      <label for="token">Token of the admin server</label>
      <p id="token-hint">
        {isWrong
          ? 'The proxy does not accept this token. The right one is in the file or variable that admin.token of its configuration names.'
          : 'This needs a token: the one that admin.token of the configuration names. It is kept in this tab until you close it.'}
      </p>
      <div class="field">
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={token}
          aria-invalid={isWrong}
          aria-describedby="token-hint"
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
        <button type="submit" class="main">
          Connect
        </button>
      </div>
    </form>
  );
}
