// Drains the proxy, which ends it. Nobody does this by a slip: the word has to be typed.

import { useEffect, useRef, useState } from 'preact/hooks';
import { authorization, refusalOf } from '../feed/figures-feed.ts';
import { counted } from '../model/format.ts';
import type { ProxyModel } from '../model/proxy-model.ts';

interface DrainDialogProps {
  readonly model: ProxyModel;
  readonly token: () => string | undefined;
  readonly onToken: (token: string) => void;
  readonly onClose: () => void;
}

const WORD = 'drain';

export function DrainDialog({ model, token, onToken, onClose }: DrainDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [word, setWord] = useState('');
  const [typedToken, setTypedToken] = useState('');
  const [needsToken, setNeedsToken] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const drain = async (event: Event) => {
    event.preventDefault();
    if (word !== WORD) return;
    if (needsToken && typedToken.trim() !== '') onToken(typedToken.trim());
    const outcome = await postDrain(token());
    if (outcome === undefined) onClose();
    else {
      setNeedsToken(outcome.needsToken);
      setProblem(outcome.sentence);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="drain-title" onClose={onClose}>
      <form onSubmit={(event) => void drain(event)}>
        <h2 id="drain-title">Drain the proxy</h2>
        <p>
          The proxy then takes no new calls, lets running ones finish within <code>drain.timeout</code>, and
          ends. There is no way back: it has to be started again.{' '}
          {inFlightText(model.totals.last?.inFlight ?? 0)}
        </p>
        <label for="drain-word">
          Type <b>{WORD}</b> to confirm
        </label>
        <input
          id="drain-word"
          autocomplete="off"
          spellcheck={false}
          autocapitalize="off"
          value={word}
          onInput={({ currentTarget }) => setWord(currentTarget.value)}
        />
        {needsToken && (
          <>
            <label for="drain-token">Token of the admin server</label>
            <input
              id="drain-token"
              type="password"
              autocomplete="off"
              value={typedToken}
              onInput={({ currentTarget }) => setTypedToken(currentTarget.value)}
            />
          </>
        )}
        <p role="alert" class={problem === '' ? undefined : 'notice notice-bad'}>
          {problem}
        </p>
        <div class="dialog-buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={word !== WORD}>
            Drain
          </button>
        </div>
      </form>
    </dialog>
  );
}

function inFlightText(inFlight: number): string {
  if (inFlight === 0) return 'No call is in flight now.';
  return `${counted(inFlight, 'call')} ${inFlight === 1 ? 'is' : 'are'} in flight now.`;
}

/** @returns undefined if the proxy drains */
async function postDrain(
  token: string | undefined,
): Promise<{ readonly needsToken: boolean; readonly sentence: string } | undefined> {
  try {
    const response = await fetch('api/drain', { method: 'POST', headers: authorization(token) });
    if (response.status === 202) return undefined;
    if (response.status !== 401)
      return { needsToken: false, sentence: `The proxy does not drain: ${await refusalOf(response)}` };
    const sentence =
      token === undefined
        ? 'Changing something needs the token that admin.token of the configuration names.'
        : 'The proxy does not accept this token.';
    return { needsToken: true, sentence };
  } catch {
    return {
      needsToken: false,
      sentence: 'The proxy does not answer, so it is not known whether it drains.',
    };
  }
}
