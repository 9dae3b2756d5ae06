import { useCollection } from '@cloudscape-design/collection-hooks';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import CollectionPreferences, {
  type CollectionPreferencesProps,
} from '@cloudscape-design/components/collection-preferences';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useMemo, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { RedriveDialog } from '../../components/redrive-dialog';
import { Failed } from '../../components/states';
import { WordDialog } from '../../components/word-dialog';
import { usePreference } from '../../hooks/use-preference';
import { useI18n } from '../../i18n';
import { COLUMN_IDS, columns } from './columns';
import { ASKED_MAX, useQueues, type Row } from './use-queues';

const PREFERENCES: CollectionPreferencesProps.Preferences = {
  pageSize: 25,
  wrapLines: false,
  stripedRows: false,
  contentDisplay: COLUMN_IDS.map((id) => ({ id, visible: true })),
};

const NONE: Row[] = [];

type Dialog = 'delete' | 'purge' | 'redrive';

export default function Queues() {
  const { t, language } = useI18n();
  const navigate = useNavigate();
  const [preferences, setPreferences] = usePreference('queues', PREFERENCES);
  const [seen, setSeen] = useState<string[]>([]);
  const [dialog, setDialog] = useState<Dialog>();
  const { state, isRefreshing, refresh } = useQueues(seen);
  const rows = state.status === 'ready' ? state.value : NONE;

  const definitions = useMemo(
    () => columns(t, language, rows.length <= ASKED_MAX, (path) => void navigate(path)),
    [t, language, rows.length, navigate],
  );
  const { items, collectionProps, filterProps, paginationProps, filteredItemsCount, actions } =
    useCollection(rows, {
      filtering: {
        filteringFunction: (row, text) => row.name.toLowerCase().includes(text.toLowerCase()),
        empty: <Empty />,
        noMatch: <Box textAlign="center">{t('queues.noMatch')}</Box>,
      },
      pagination: { pageSize: preferences.pageSize },
      sorting: { defaultState: { sortingColumn: { sortingField: 'name' } } },
      selection: { keepSelection: true, trackBy: 'url' },
    });

  // Of many queues only those on the page are asked about themselves.
  const page = rows.length > ASKED_MAX ? items.map((row) => row.name) : NO_NAMES;
  if (page.join('\n') !== seen.join('\n')) setSeen([...page]);

  const chosen = collectionProps.selectedItems ?? [];
  const only = chosen.length === 1 ? chosen[0] : undefined;
  const done = () => {
    setDialog(undefined);
    actions.setSelectedItems([]);
    refresh();
  };

  if (state.status === 'failed') return <Failed message={state.message} onRetry={refresh} />;
  return (
    <>
      {state.status === 'ready' && state.stale !== undefined && (
        <Failed message={state.stale} onRetry={refresh} />
      )}
      <Table
        {...collectionProps}
        variant="full-page"
        stickyHeader
        selectionType="multi"
        trackBy="url"
        items={items}
        columnDefinitions={definitions}
        columnDisplay={preferences.contentDisplay}
        wrapLines={preferences.wrapLines}
        stripedRows={preferences.stripedRows}
        loading={state.status === 'loading'}
        loadingText={t('state.loading')}
        ariaLabels={{
          tableLabel: t('queues.title'),
          selectionGroupLabel: t('queues.selection'),
          allItemsSelectionLabel: () => t('queues.selectAll'),
          itemSelectionLabel: (_, row) => t('queues.selectOne', { name: row.name }),
        }}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={chosen.length > 0 ? `(${chosen.length}/${rows.length})` : `(${rows.length})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button
                  iconName="refresh"
                  ariaLabel={t('action.refresh')}
                  loading={isRefreshing && state.status === 'loading'}
                  onClick={refresh}
                />
                <Button
                  disabled={only === undefined}
                  onClick={() => void navigate(`/queues/${only?.name}/edit`)}
                >
                  {t('action.edit')}
                </Button>
                <Button disabled={chosen.length === 0} onClick={() => setDialog('delete')}>
                  {t('action.delete')}
                </Button>
                <Button
                  disabled={only === undefined}
                  onClick={() => void navigate(`/queues/${only?.name}/messages`)}
                >
                  {t('action.messages')}
                </Button>
                <ButtonDropdown
                  disabled={chosen.length === 0}
                  items={[
                    { id: 'purge', text: t('action.purge') },
                    {
                      id: 'redrive',
                      text: t('action.redrive'),
                      disabled: only?.queue === undefined,
                      disabledReason: t('queues.onlyOne'),
                    },
                  ]}
                  onItemClick={({ detail }) => setDialog(detail.id as Dialog)}
                >
                  {t('action.more')}
                </ButtonDropdown>
                <Button variant="primary" onClick={() => void navigate('/create-queue')}>
                  {t('create.title')}
                </Button>
              </SpaceBetween>
            }
          >
            {t('queues.title')}
          </Header>
        }
        filter={
          <TextFilter
            {...filterProps}
            filteringPlaceholder={t('queues.find')}
            filteringAriaLabel={t('queues.find')}
            countText={t('queues.matches', { count: filteredItemsCount ?? 0 })}
          />
        }
        pagination={<Pagination {...paginationProps} />}
        preferences={
          <CollectionPreferences
            title={t('preferences.title')}
            confirmLabel={t('action.confirm')}
            cancelLabel={t('action.cancel')}
            preferences={preferences}
            onConfirm={({ detail }) => setPreferences(detail)}
            pageSizePreference={{
              title: t('preferences.pageSize'),
              options: [10, 25, 50, 100].map((value) => ({ value, label: String(value) })),
            }}
            wrapLinesPreference={{
              label: t('preferences.wrap'),
              description: t('preferences.wrapAbout'),
            }}
            stripedRowsPreference={{
              label: t('preferences.striped'),
              description: t('preferences.stripedAbout'),
            }}
            contentDisplayPreference={{
              title: t('preferences.columns'),
              options: COLUMN_IDS.map((id) => ({
                id,
                label: t(`column.${id}`),
                alwaysVisible: id === 'name',
              })),
            }}
          />
        }
      />
      {(dialog === 'delete' || dialog === 'purge') && (
        <WordDialog
          does={dialog}
          names={chosen.map((row) => row.name)}
          onDone={done}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === 'redrive' && only?.queue !== undefined && (
        <RedriveDialog queue={only.queue} onDone={done} onClose={() => setDialog(undefined)} />
      )}
    </>
  );
}

const NO_NAMES: string[] = [];

/** What somebody sees first. */
function Empty() {
  const { t } = useI18n();
  const navigate = useNavigate();
  return (
    <Box textAlign="center" padding={{ vertical: 'xl' }}>
      <SpaceBetween size="m">
        <img className="ant" src="/console/ant.svg" alt="" />
        <Box variant="h2">{t('queues.empty')}</Box>
        <Box color="text-body-secondary">{t('queues.emptyAbout')}</Box>
        <Button variant="primary" onClick={() => void navigate('/create-queue')}>
          {t('create.title')}
        </Button>
      </SpaceBetween>
    </Box>
  );
}
