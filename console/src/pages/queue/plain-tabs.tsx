import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { useNavigate } from 'react-router-dom';
import type { Queue } from '../../api/queues';
import { useI18n } from '../../i18n';
import { prettyJson } from '../../model/policy';
import { formOf, type QuantityField } from '../../model/queue-form';

interface SectionProps {
  queue: Queue;
  title: string;
  children: ReactNode;
}

function Section({ queue, title, children }: SectionProps) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const edit = () => void navigate(`/queues/${queue.name}/edit`);
  return (
    <Container
      header={
        <Header variant="h2" actions={<Button onClick={edit}>{t('action.edit')}</Button>}>
          {title}
        </Header>
      }
    >
      {children}
    </Container>
  );
}

export function PolicyTab({ queue }: { queue: Queue }) {
  const { t } = useI18n();
  const policy = prettyJson(queue.attributes['Policy'] ?? '');
  return (
    <Section queue={queue} title={t('form.policy')}>
      {policy === '' ? (
        <Box color="text-body-secondary">{t('form.noPolicy')}</Box>
      ) : (
        <SpaceBetween size="s">
          <pre className="code">{policy}</pre>
          <CopyToClipboard
            textToCopy={policy}
            copyButtonText={t('copy.copy')}
            copySuccessText={t('copy.done')}
            copyErrorText={t('copy.failed')}
          />
        </SpaceBetween>
      )}
    </Section>
  );
}

export function EncryptionTab({ queue }: { queue: Queue }) {
  const { t } = useI18n();
  const key = queue.attributes['KmsMasterKeyId'];
  return (
    <Section queue={queue} title={t('column.encryption')}>
      <KeyValuePairs
        columns={2}
        items={[
          { label: t('form.keyType'), value: t(`encryption.${queue.encryption}`) },
          ...(key === undefined ? [] : [{ label: t('form.kmsKey'), value: key }]),
        ]}
      />
    </Section>
  );
}

const AMOUNTS: QuantityField[] = [
  'visibilityTimeout',
  'retentionPeriod',
  'delay',
  'messageSize',
  'waitTime',
];

export function DetailsTab({ queue }: { queue: Queue }) {
  const { t } = useI18n();
  const form = formOf(queue, {});
  const amounts = AMOUNTS.map((field) => ({
    label: t(`field.${field}`),
    value: `${form[field].text} ${t(`unit.${form[field].unit}`)}`,
  }));
  const yesNo = (value: boolean) => t(value ? 'state.on' : 'state.off');
  const fifo = [
    { label: t('form.deduplication'), value: yesNo(form.contentBasedDeduplication) },
    { label: t('form.highThroughput'), value: yesNo(form.highThroughput) },
  ];
  return (
    <Section queue={queue} title={t('form.configuration')}>
      <KeyValuePairs columns={3} items={queue.isFifo ? [...amounts, ...fifo] : amounts} />
    </Section>
  );
}
