import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { reasonOf } from '../api/client';
import { deleteQueue, purgeQueue } from '../api/queues';
import { useNotify } from '../hooks/use-notify';
import { useSession } from '../hooks/use-session';
import { useI18n } from '../i18n';

interface WordDialogProps {
  does: 'delete' | 'purge';
  names: string[];
  onDone: () => void;
  onClose: () => void;
}

/** Deletes or purges queues once the word was typed. */
export function WordDialog({ does, names, onDone, onClose }: WordDialogProps) {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const [typed, setTyped] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failures, setFailures] = useState<string[]>([]);
  const word = t(`${does}.word`);
  const isReady = typed.trim().toLowerCase() === word;

  const act = async () => {
    if (!isReady || isBusy) return;
    setBusy(true);
    const refused: string[] = [];
    for (const name of names) {
      try {
        await (does === 'delete' ? deleteQueue(client, name) : purgeQueue(client, name));
      } catch (error) {
        refused.push(`${name}: ${reasonOf(error)}`);
      }
    }
    setBusy(false);
    setFailures(refused);
    const done = names.length - refused.length;
    if (done > 0) notify('success', t(`${does}.done`, { count: done, name: names[0] ?? '' }));
    if (refused.length === 0) onDone();
  };

  return (
    <Modal visible onDismiss={onClose} header={t(`${does}.title`, { count: names.length })}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={onClose}>
                {t('action.cancel')}
              </Button>
              <Button variant="primary" disabled={!isReady} loading={isBusy}>
                {t(`action.${does}`)}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="m">
            <Alert type="warning">{t(`${does}.about`)}</Alert>
            <Box>
              <ul>
                {names.slice(0, 10).map((name) => (
                  <li key={name}>
                    <Box variant="strong">{name}</Box>
                  </li>
                ))}
                {names.length > 10 && <li>{t('dialog.more', { count: names.length - 10 })}</li>}
              </ul>
            </Box>
            {failures.length > 0 && <Alert type="error">{failures.join('\n')}</Alert>}
            <FormField label={t('dialog.type', { word })}>
              <Input
                autoFocus
                autoComplete={false}
                placeholder={word}
                value={typed}
                onChange={({ detail }) => setTyped(detail.value)}
              />
            </FormField>
          </SpaceBetween>
        </Form>
      </form>
    </Modal>
  );
}
