import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import Multiselect from '@cloudscape-design/components/multiselect';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useMemo, useState } from 'react';
import type { MessageState, PeekedMessage } from '../../api/peek';
import type { Queue } from '../../api/queues';
import { formatDate, formatNumber, useI18n, type Language, type Translate } from '../../i18n';
import { downloadMessages } from '../../model/download';
import { MessageDialog } from '../messages/message-dialog';
import { usePeek } from './use-peek';

const STATES: MessageState[] = ['Visible', 'InFlight', 'Delayed'];

export function MessagesTab({ queue }: { queue: Queue }) {
  const { t, language } = useI18n();
  const [text, setText] = useState('');
  const [group, setGroup] = useState('');
  const [states, setStates] = useState<MessageState[]>([]);
  const [shown, setShown] = useState<PeekedMessage>();
  const { found, isLooking, failure, look, lookOn } = usePeek(queue.name);
  const definitions = useMemo(() => columns(t, language, setShown), [t, language]);
  const options = STATES.map((value) => ({ value, label: t(`state.${value}`) }));
  const start = () => look({ states, text, group });
  const enter = ({ detail }: { detail: { key: string } }) => {
    if (detail.key === 'Enter') start();
  };

  return (
    <SpaceBetween size="m">
      <div className="peek">
        <FormField label={t('peek.text')}>
          <Input
            value={text}
            type="search"
            spellcheck={false}
            onChange={({ detail }) => setText(detail.value)}
            onKeyDown={enter}
          />
        </FormField>
        <FormField label={t('message.group')}>
          <Input
            value={group}
            spellcheck={false}
            onChange={({ detail }) => setGroup(detail.value)}
            onKeyDown={enter}
          />
        </FormField>
        <FormField label={t('peek.states')}>
          <Multiselect
            selectedOptions={options.filter(({ value }) => states.includes(value))}
            options={options}
            placeholder={t('peek.allStates')}
            tokenLimit={0}
            onChange={({ detail }) => {
              const chosen = STATES.filter((it) =>
                detail.selectedOptions.some(({ value }) => value === it),
              );
              setStates(chosen);
              look({ states: chosen, text, group });
            }}
          />
        </FormField>
      </div>
      {failure !== undefined && <Alert type="error">{failure}</Alert>}
      <Table
        items={found.messages}
        trackBy={(message) => `${message.id} ${message.sent.getTime()}`}
        columnDefinitions={definitions}
        loading={isLooking && found.messages.length === 0}
        loadingText={t('peek.looking')}
        empty={
          <Box textAlign="center">{t(found.next === undefined ? 'peek.empty' : 'peek.none')}</Box>
        }
        ariaLabels={{ tableLabel: t('receive.messages') }}
        header={
          <Header
            counter={`(${formatNumber(language, found.messages.length)})`}
            description={t('peek.about')}
            actions={
              <Button iconName="refresh" loading={isLooking} onClick={start}>
                {t('peek.look')}
              </Button>
            }
          >
            {t('receive.messages')}
          </Header>
        }
        footer={
          <Box textAlign="center">
            <SpaceBetween size="xs" alignItems="center">
              <Box color="text-body-secondary">
                {t('peek.scanned', { count: formatNumber(language, found.scanned) })}
              </Box>
              {found.next !== undefined && (
                <Button loading={isLooking} onClick={lookOn}>
                  {t('peek.more')}
                </Button>
              )}
            </SpaceBetween>
          </Box>
        }
      />
      {shown !== undefined && (
        <MessageDialog
          message={shown}
          onClose={() => setShown(undefined)}
          onDownload={() => downloadMessages(queue.name, [shown])}
        />
      )}
    </SpaceBetween>
  );
}

const INDICATORS = { Visible: 'success', InFlight: 'in-progress', Delayed: 'pending' } as const;

function columns(
  t: Translate,
  language: Language,
  open: (message: PeekedMessage) => void,
): TableProps.ColumnDefinition<PeekedMessage>[] {
  return [
    {
      id: 'id',
      header: t('message.id'),
      cell: (message) => <Link onFollow={() => open(message)}>{message.id}</Link>,
      isRowHeader: true,
    },
    {
      id: 'state',
      header: t('peek.state'),
      cell: ({ state, until }) => (
        <StatusIndicator type={INDICATORS[state]}>
          {t(`state.${state}`)}
          {until !== undefined && ` ${t('peek.until', { time: formatDate(language, until) })}`}
        </StatusIndicator>
      ),
    },
    {
      id: 'body',
      header: t('send.body'),
      cell: ({ body }) => (body.length > 80 ? `${body.slice(0, 80)}…` : body),
      maxWidth: 420,
    },
    { id: 'sent', header: t('message.sent'), cell: ({ sent }) => formatDate(language, sent) },
    {
      id: 'receives',
      header: t('message.receives'),
      cell: ({ receiveCount }) => receiveCount,
    },
    { id: 'group', header: t('message.group'), cell: ({ groupId }) => groupId ?? '–' },
  ];
}
