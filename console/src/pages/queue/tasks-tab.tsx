import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator, {
  type StatusIndicatorProps,
} from '@cloudscape-design/components/status-indicator';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useCallback } from 'react';
import { reasonOf } from '../../api/client';
import {
  cancelMoveTask,
  listMoveTasks,
  nameOfArn,
  type MoveTask,
  type Queue,
} from '../../api/queues';
import { WhenReady } from '../../components/states';
import { useLoad } from '../../hooks/use-load';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { formatDate, formatNumber, useI18n, type Language, type Translate } from '../../i18n';

const STATUSES: Record<string, StatusIndicatorProps.Type> = {
  RUNNING: 'in-progress',
  COMPLETED: 'success',
  CANCELLING: 'pending',
  CANCELLED: 'stopped',
  FAILED: 'error',
};

/** The redrives of this queue: the one under way, and those before. */
export function TasksTab({ queue, onStart }: { queue: Queue; onStart: () => void }) {
  const { t, language } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const load = useCallback(
    (signal: AbortSignal) => listMoveTasks(client, queue.arn, signal),
    [client, queue.arn],
  );
  const tasks = useLoad(load, 2000);

  const cancel = async (handle: string) => {
    try {
      await cancelMoveTask(client, handle);
      notify('success', t('tasks.cancelled'));
    } catch (error) {
      notify('error', t('tasks.notCancelled'), reasonOf(error));
    }
    tasks.refresh();
  };

  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t('tasks.about')}
          actions={<Button onClick={onStart}>{t('action.redrive')}</Button>}
        >
          {t('tasks.title')}
        </Header>
      }
    >
      <WhenReady loaded={tasks}>
        {(found) => (
          <SpaceBetween size="m">
            {found
              .filter((task) => task.status === 'RUNNING')
              .map((task) => (
                <Running key={task.handle} task={task} onCancel={(it) => void cancel(it)} />
              ))}
            <Table
              variant="borderless"
              wrapLines
              items={found}
              empty={t('tasks.none')}
              columnDefinitions={columns(t, language)}
            />
          </SpaceBetween>
        )}
      </WhenReady>
    </Container>
  );
}

function Running({ task, onCancel }: { task: MoveTask; onCancel: (handle: string) => void }) {
  const { t } = useI18n();
  const { handle, moved, toMove } = task;
  const total = Math.max(toMove ?? 0, moved);
  return (
    <SpaceBetween size="xs">
      <ProgressBar
        label={t('tasks.running')}
        value={total === 0 ? 0 : (moved / total) * 100}
        additionalInfo={t('tasks.progress', { moved, total })}
      />
      {handle !== undefined && (
        <Button onClick={() => onCancel(handle)}>{t('tasks.cancel')}</Button>
      )}
    </SpaceBetween>
  );
}

function columns(t: Translate, language: Language): TableProps.ColumnDefinition<MoveTask>[] {
  return [
    {
      id: 'started',
      header: t('tasks.started'),
      cell: ({ started }) => (started === undefined ? '–' : formatDate(language, started)),
    },
    {
      id: 'status',
      header: t('tasks.status'),
      cell: ({ status, failure }) => (
        <>
          <StatusIndicator type={STATUSES[status] ?? 'info'}>{status}</StatusIndicator>
          {failure !== undefined && <Box variant="small">{failure}</Box>}
        </>
      ),
    },
    {
      id: 'destination',
      header: t('redrive.destination'),
      cell: ({ destinationArn }) =>
        destinationArn === undefined ? t('redrive.toSource') : nameOfArn(destinationArn),
    },
    {
      id: 'moved',
      header: t('tasks.moved'),
      cell: ({ moved }) => formatNumber(language, moved),
    },
    {
      id: 'perSecond',
      header: t('redrive.perSecond'),
      cell: ({ perSecond }) => perSecond ?? t('redrive.system'),
    },
  ];
}
