import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { reasonOf } from '../api/client';
import { startMoveTask, type Queue } from '../api/queues';
import { useNotify } from '../hooks/use-notify';
import { useSession } from '../hooks/use-session';
import { useI18n } from '../i18n';
import { parseWhole } from '../model/quantity';
import { QueuePicker } from './queue-picker';

interface RedriveDialogProps {
  queue: Queue;
  onDone: () => void;
  onClose: () => void;
}

const PER_SECOND_MAX = 500;

/** Moves the messages of a dead-letter queue back to where they came from, or elsewhere. */
export function RedriveDialog({ queue, onDone, onClose }: RedriveDialogProps) {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const [target, setTarget] = useState<'source' | 'named'>('source');
  const [arn, setArn] = useState('');
  const [speed, setSpeed] = useState<'system' | 'custom'>('system');
  const [perSecond, setPerSecond] = useState('50');
  const [failure, setFailure] = useState('');
  const [isBusy, setBusy] = useState(false);
  const rate = parseWhole(perSecond);
  const isRate = speed === 'system' || (rate !== undefined && rate >= 1 && rate <= PER_SECOND_MAX);

  const start = async () => {
    setBusy(true);
    try {
      const destination = target === 'named' ? arn : undefined;
      await startMoveTask(client, queue.arn, destination, speed === 'custom' ? rate : undefined);
      notify('success', t('redrive.started', { name: queue.name }));
      onDone();
    } catch (error) {
      setFailure(reasonOf(error));
      setBusy(false);
    }
  };

  return (
    <Modal
      visible
      onDismiss={onClose}
      header={t('redrive.title')}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {t('action.cancel')}
            </Button>
            <Button
              variant="primary"
              loading={isBusy}
              disabled={!isRate || (target === 'named' && arn === '')}
              onClick={() => void start()}
            >
              {t('action.redrive')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="l">
        <Box>{t('redrive.about', { name: queue.name, count: queue.available })}</Box>
        <FormField label={t('redrive.destination')}>
          <RadioGroup
            value={target}
            onChange={({ detail }) => setTarget(detail.value as typeof target)}
            items={[
              { value: 'source', label: t('redrive.toSource') },
              { value: 'named', label: t('redrive.toNamed') },
            ]}
          />
        </FormField>
        {target === 'named' && (
          <FormField label={t('redrive.queue')}>
            <QueuePicker
              label={t('redrive.queue')}
              arn={queue.arn}
              isFifo={queue.isFifo}
              chosen={arn}
              onChoose={setArn}
            />
          </FormField>
        )}
        <FormField label={t('redrive.speed')}>
          <RadioGroup
            value={speed}
            onChange={({ detail }) => setSpeed(detail.value as typeof speed)}
            items={[
              { value: 'system', label: t('redrive.system') },
              { value: 'custom', label: t('redrive.custom') },
            ]}
          />
        </FormField>
        {speed === 'custom' && (
          <FormField
            label={t('redrive.perSecond')}
            errorText={isRate ? undefined : t('redrive.perSecondRule')}
          >
            <Input
              type="number"
              value={perSecond}
              onChange={({ detail }) => setPerSecond(detail.value)}
            />
          </FormField>
        )}
        {failure !== '' && <Alert type="error">{failure}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}
