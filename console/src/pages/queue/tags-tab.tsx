import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { reasonOf } from '../../api/client';
import { changeTags, listTags, type Tags } from '../../api/queues';
import { TagFields } from '../../components/queue-form';
import { WhenReady } from '../../components/states';
import { useLoad } from '../../hooks/use-load';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import { emptyForm, problemsOf, tagsOf, type QueueForm } from '../../model/queue-form';

export function TagsTab({ name }: { name: string }) {
  const { client } = useSession();
  const load = useCallback((signal: AbortSignal) => listTags(client, name, signal), [client, name]);
  const tags = useLoad(load);
  return (
    <WhenReady loaded={tags}>
      {(before) => (
        <EditTags key={JSON.stringify(before)} name={name} before={before} onDone={tags.refresh} />
      )}
    </WhenReady>
  );
}

interface EditTagsProps {
  name: string;
  before: Tags;
  onDone: () => void;
}

function EditTags({ name, before, onDone }: EditTagsProps) {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const [tags, setTags] = useState<QueueForm['tags']>(() =>
    Object.entries(before).map(([key, value]) => ({ key, value })),
  );
  const [failure, setFailure] = useState('');
  const form = { ...emptyForm(), tags };
  const problem = problemsOf(form).tags;
  const after = tagsOf(form);
  const isSame = JSON.stringify(Object.entries(before)) === JSON.stringify(Object.entries(after));

  const save = async () => {
    try {
      await changeTags(client, name, before, after);
      notify('success', t('tags.done'));
      onDone();
    } catch (error) {
      setFailure(reasonOf(error));
    }
  };

  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t('form.tagsAbout')}
          actions={
            <Button disabled={isSame || problem !== undefined} onClick={() => void save()}>
              {t('action.save')}
            </Button>
          }
        >
          {t('form.tags')}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <TagFields
          tags={tags}
          problem={problem === undefined ? undefined : t(problem)}
          onChange={setTags}
        />
        {failure !== '' && <Alert type="error">{failure}</Alert>}
      </SpaceBetween>
    </Container>
  );
}
