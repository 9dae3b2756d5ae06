import { useCollection } from '@cloudscape-design/collection-hooks';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useMemo, useState } from 'react';
import { reasonOf } from '../../api/client';
import { deleteMessages, type ReceivedMessage } from '../../api/messages';
import type { Queue } from '../../api/queues';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { formatDate, formatNumber, useI18n, type Language, type Translate } from '../../i18n';
import { downloadMessages } from '../../model/download';
import { parseWhole } from '../../model/quantity';
import { MessageDialog } from './message-dialog';
import { usePoll } from './use-poll';

interface ReceiveProps {
  queue: Queue;
  onChanged: () => void;
  onSendAgain: (message: ReceivedMessage) => void;
}

export function Receive({ queue, onChanged, onSendAgain }: ReceiveProps) {
  const { t, language } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const { state, messages, start, stop, forget } = usePoll(queue.name);
  const [seconds, setSeconds] = useState('10');
  const [count, setCount] = useState('10');
  const [timeout, setOwnTimeout] = useState('');
  const [shown, setShown] = useState<ReceivedMessage>();
  const [isDeleting, setDeleting] = useState(false);
  const isPolling = state.status === 'polling';

  const definitions = useMemo(() => columns(t, language, setShown), [t, language]);
  const { items, collectionProps, paginationProps, actions } = useCollection(messages, {
    pagination: { pageSize: 20 },
    sorting: {},
    selection: { trackBy: 'id', keepSelection: true },
  });
  const chosen = collectionProps.selectedItems ?? [];

  const settings = {
    seconds: within(seconds, 1, 900),
    count: within(count, 1, 1000),
    visibilityTimeout: timeout === '' ? undefined : within(timeout, 0, 43_200),
  };
  const isSound =
    settings.seconds !== undefined &&
    settings.count !== undefined &&
    (timeout === '' || settings.visibilityTimeout !== undefined);
  const poll = async () => {
    const { seconds: time, count: most, visibilityTimeout } = settings;
    if (time === undefined || most === undefined) return;
    await start({ seconds: time, count: most, visibilityTimeout });
    onChanged();
  };

  const remove = async () => {
    setDeleting(true);
    try {
      const failures = await deleteMessages(client, queue.name, [...chosen]);
      const stayed = new Set(failures.map(({ id }) => id));
      const gone = chosen.map(({ id }) => id).filter((id) => !stayed.has(id));
      forget(new Set(gone));
      actions.setSelectedItems([]);
      if (gone.length > 0) notify('success', t('receive.deleted', { count: gone.length }));
      const reasons = failures.map(({ id, reason }) => `${id}: ${reason}`).join('\n');
      if (failures.length > 0) notify('error', t('receive.notDeleted'), reasons);
      onChanged();
    } catch (error) {
      notify('error', t('receive.notDeleted'), reasonOf(error));
    }
    setDeleting(false);
  };

  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={t('receive.about')}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={!isPolling} onClick={stop}>
                  {t('receive.stop')}
                </Button>
                <Button
                  variant="primary"
                  disabled={isPolling || !isSound}
                  onClick={() => void poll()}
                >
                  {t('receive.poll')}
                </Button>
              </SpaceBetween>
            }
          >
            {t('receive.title')}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <KeyValuePairs
            columns={3}
            items={[
              { label: t('count.available'), value: formatNumber(language, queue.available) },
              { label: t('count.inFlight'), value: formatNumber(language, queue.inFlight) },
              { label: t('count.delayed'), value: formatNumber(language, queue.delayed) },
            ]}
          />
          <ExpandableSection headerText={t('receive.settings')}>
            <ColumnLayout columns={3}>
              <FormField
                label={t('receive.seconds')}
                errorText={settings.seconds === undefined ? '1 – 900' : undefined}
              >
                <Input
                  type="number"
                  value={seconds}
                  onChange={({ detail }) => setSeconds(detail.value)}
                />
              </FormField>
              <FormField
                label={t('receive.count')}
                errorText={settings.count === undefined ? '1 – 1000' : undefined}
              >
                <Input
                  type="number"
                  value={count}
                  onChange={({ detail }) => setCount(detail.value)}
                />
              </FormField>
              <FormField
                label={t('receive.timeout')}
                errorText={
                  timeout !== '' && settings.visibilityTimeout === undefined
                    ? '0 – 43200'
                    : undefined
                }
              >
                <Input
                  type="number"
                  value={timeout}
                  placeholder={queue.attributes['VisibilityTimeout']}
                  onChange={({ detail }) => setOwnTimeout(detail.value)}
                />
              </FormField>
            </ColumnLayout>
          </ExpandableSection>
          <Alert type="info">{t('receive.note')}</Alert>
          {isPolling && (
            <ProgressBar
              value={state.share * 100}
              label={t('receive.polling')}
              additionalInfo={t('receive.received', { count: messages.length })}
            />
          )}
          {state.status === 'failed' && <Alert type="error">{state.message}</Alert>}
        </SpaceBetween>
      </Container>
      <Table
        {...collectionProps}
        selectionType="multi"
        trackBy="id"
        items={items}
        columnDefinitions={definitions}
        empty={<Box textAlign="center">{t('receive.empty')}</Box>}
        pagination={messages.length > 20 ? <Pagination {...paginationProps} /> : undefined}
        ariaLabels={{
          tableLabel: t('receive.messages'),
          selectionGroupLabel: t('receive.messages'),
          allItemsSelectionLabel: () => t('queues.selectAll'),
          itemSelectionLabel: (_, message) => t('queues.selectOne', { name: message.id }),
        }}
        header={
          <Header
            counter={`(${messages.length})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={chosen.length !== 1} onClick={() => setShown(chosen[0])}>
                  {t('receive.details')}
                </Button>
                <Button
                  iconName="download"
                  disabled={chosen.length === 0}
                  onClick={() => downloadMessages(queue.name, [...chosen])}
                >
                  {t('receive.download')}
                </Button>
                <Button
                  disabled={chosen.length === 0}
                  loading={isDeleting}
                  onClick={() => void remove()}
                >
                  {t('action.delete')}
                </Button>
              </SpaceBetween>
            }
          >
            {t('receive.messages')}
          </Header>
        }
      />
      {shown !== undefined && (
        <MessageDialog
          message={shown}
          onClose={() => setShown(undefined)}
          onDownload={() => downloadMessages(queue.name, [shown])}
          onSendAgain={() => {
            setShown(undefined);
            onSendAgain(shown);
          }}
        />
      )}
    </SpaceBetween>
  );
}

function within(text: string, min: number, max: number): number | undefined {
  const number = parseWhole(text);
  return number !== undefined && number >= min && number <= max ? number : undefined;
}

function columns(
  t: Translate,
  language: Language,
  open: (message: ReceivedMessage) => void,
): TableProps.ColumnDefinition<ReceivedMessage>[] {
  return [
    {
      id: 'id',
      header: t('message.id'),
      cell: (message) => <Link onFollow={() => open(message)}>{message.id}</Link>,
      isRowHeader: true,
    },
    {
      id: 'body',
      header: t('send.body'),
      cell: ({ body }) => (body.length > 80 ? `${body.slice(0, 80)}…` : body),
      sortingField: 'body',
      maxWidth: 420,
    },
    {
      id: 'sent',
      header: t('message.sent'),
      cell: ({ sent }) => formatDate(language, sent),
      sortingComparator: (one, other) => one.sent.getTime() - other.sent.getTime(),
    },
    {
      id: 'size',
      header: t('message.size'),
      cell: ({ bytes }) => t('message.bytes', { count: formatNumber(language, bytes) }),
      sortingField: 'bytes',
    },
    {
      id: 'receives',
      header: t('message.receives'),
      cell: ({ receiveCount }) => receiveCount,
      sortingField: 'receiveCount',
    },
    {
      id: 'group',
      header: t('message.group'),
      cell: ({ groupId }) => groupId ?? '–',
      sortingField: 'groupId',
    },
  ];
}
