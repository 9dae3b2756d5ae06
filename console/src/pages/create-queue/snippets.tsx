import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import { fullName, tagsOf, toNewAttributes, type QueueForm } from '../../model/queue-form';
import { asCli, asPython, asTerraform } from '../../model/snippets';

const FORMS = [
  { id: 'cli', label: 'AWS CLI', write: asCli },
  { id: 'python', label: 'boto3', write: asPython },
  { id: 'terraform', label: 'Terraform', write: asTerraform },
];

/** The same queue, for a script. */
export function Snippets({ form, arn }: { form: QueueForm; arn: string }) {
  const { t } = useI18n();
  const { session } = useSession();
  const wanted = {
    name: fullName(form),
    attributes: toNewAttributes(form, arn),
    tags: tagsOf(form),
    endpoint: location.origin,
    region: session.region,
  };
  return (
    <ExpandableSection variant="container" headerText={t('create.snippets')}>
      <Tabs
        ariaLabel={t('create.snippets')}
        tabs={FORMS.map(({ id, label, write }) => ({
          id,
          label,
          content: (
            <SpaceBetween size="s">
              <pre className="code">{write(wanted)}</pre>
              <CopyToClipboard
                textToCopy={write(wanted)}
                copyButtonText={t('copy.copy')}
                copySuccessText={t('copy.done')}
                copyErrorText={t('copy.failed')}
              />
            </SpaceBetween>
          ),
        }))}
      />
    </ExpandableSection>
  );
}
