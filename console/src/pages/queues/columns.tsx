import Link from '@cloudscape-design/components/link';
import type { TableProps } from '@cloudscape-design/components/table';
import { nameOfArn, type Queue } from '../../api/queues';
import { formatDate, formatNumber, type Language, type Translate } from '../../i18n';
import type { Row } from './use-queues';

type Column = TableProps.ColumnDefinition<Row>;

/** The columns of the list, in their first order. */
export function columns(
  t: Translate,
  language: Language,
  isSortable: boolean,
  open: (path: string) => void,
): Column[] {
  const link = (path: string, text: string) => (
    <Link
      href={`/console${path}`}
      onFollow={(event) => {
        event.preventDefault();
        open(path);
      }}
    >
      {text}
    </Link>
  );
  const of = (row: Row, tell: (queue: Queue) => React.ReactNode) =>
    row.queue === undefined ? '–' : tell(row.queue);
  /** Attributes of queues that were not asked cannot be compared. */
  const by = (value: (queue: Queue) => number | string) => ({
    sortingComparator: isSortable
      ? (one: Row, other: Row) => {
          if (one.queue === undefined || other.queue === undefined) return 0;
          const [a, b] = [value(one.queue), value(other.queue)];
          return a < b ? -1 : a > b ? 1 : 0;
        }
      : undefined,
  });
  const count = (id: 'available' | 'inFlight' | 'delayed'): Column => ({
    id,
    header: t(`column.${id}`),
    cell: (row) => of(row, (queue) => formatNumber(language, queue[id])),
    ...by((queue) => queue[id]),
  });
  return [
    {
      id: 'name',
      header: t('column.name'),
      cell: (row) => link(`/queues/${row.name}`, row.name),
      sortingField: 'name',
      isRowHeader: true,
      minWidth: 180,
    },
    {
      id: 'type',
      header: t('column.type'),
      cell: (row) => t(row.name.endsWith('.fifo') ? 'type.fifo' : 'type.standard'),
      sortingComparator: (one, other) =>
        Number(one.name.endsWith('.fifo')) - Number(other.name.endsWith('.fifo')),
    },
    {
      id: 'created',
      header: t('column.created'),
      cell: (row) => of(row, (queue) => formatDate(language, queue.created)),
      ...by((queue) => queue.created.getTime()),
    },
    count('available'),
    count('inFlight'),
    count('delayed'),
    {
      id: 'encryption',
      header: t('column.encryption'),
      cell: (row) => of(row, (queue) => t(`encryption.${queue.encryption}`)),
      ...by((queue) => queue.encryption),
    },
    {
      id: 'deadLetter',
      header: t('column.deadLetter'),
      cell: (row) =>
        of(row, ({ redrive }) => {
          if (redrive === undefined) return '–';
          const name = nameOfArn(redrive.deadLetterTargetArn);
          return link(`/queues/${name}`, name);
        }),
      ...by((queue) => queue.redrive?.deadLetterTargetArn ?? ''),
    },
  ];
}

export const COLUMN_IDS = [
  'name',
  'type',
  'created',
  'available',
  'inFlight',
  'delayed',
  'encryption',
  'deadLetter',
] as const;
