import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Spinner from '@cloudscape-design/components/spinner';
import type { ReactNode } from 'react';
import { useNavigate } from 'react-router-dom';
import type { Loaded } from '../hooks/use-load';
import { useI18n } from '../i18n';

interface WhenReadyProps<T> {
  loaded: Loaded<T>;
  children: (value: T) => ReactNode;
}

/** Shows what was loaded, or that it still loads, or why it did not. */
export function WhenReady<T>({ loaded, children }: WhenReadyProps<T>) {
  const { t } = useI18n();
  const { state, refresh } = loaded;
  switch (state.status) {
    case 'loading':
      return (
        <Box textAlign="center" padding="xxl">
          <Spinner size="large" /> {t('state.loading')}
        </Box>
      );
    case 'failed':
      return state.isMissing ? <NotFound /> : <Failed message={state.message} onRetry={refresh} />;
    case 'ready':
      return (
        <>
          {state.stale !== undefined && <Failed message={state.stale} onRetry={refresh} />}
          {children(state.value)}
        </>
      );
  }
}

export function Failed({ message, onRetry }: { message: string; onRetry: () => void }) {
  const { t } = useI18n();
  return (
    <Alert
      type="error"
      header={t('state.failed')}
      action={<Button onClick={onRetry}>{t('action.retry')}</Button>}
    >
      {message}
    </Alert>
  );
}

export function NotFound() {
  const { t } = useI18n();
  const navigate = useNavigate();
  return (
    <Alert
      type="warning"
      header={t('state.notFound')}
      action={<Button onClick={() => void navigate('/')}>{t('state.toQueues')}</Button>}
    >
      {t('state.notFoundAbout')}
    </Alert>
  );
}

/** A value that is often needed elsewhere. */
export function Copyable({ text, children }: { text: string; children?: ReactNode }) {
  const { t } = useI18n();
  return (
    <>
      <CopyToClipboard
        variant="icon"
        textToCopy={text}
        copyButtonAriaLabel={t('copy.label', { text })}
        copySuccessText={t('copy.done')}
        copyErrorText={t('copy.failed')}
      />
      {children ?? text}
    </>
  );
}
