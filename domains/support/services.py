"""Which AWS services the assistant knows, most asked first, and which of their operations.

All operations can be looked up by name (`tools.py`); those left out here are seldom asked for, and
leaving them out keeps the first build of the index near two minutes on two cores.
"""

import re
from typing import NamedTuple

SELDOM = re.compile(r"^Untag|^RemoveTags|^ListTags|TagsForResource$|ResourceTags$")
"""Operations that are the same in every service and answer no question."""


class Service(NamedTuple):
    """One AWS service as botocore files it."""

    folder: str
    """Name of its folder below `botocore/data`."""

    name: str
    """What customers call it; the first part of every title."""

    skip: str = "$^"
    """Regular expression; operations whose name contains it are left out."""

    only: str = "."
    """Regular expression that the name of an operation must contain."""

    said_as: str = ""
    """Value of the `service` entity where the folder has the name of an everyday thing, such as `logs`."""

    @property
    def entity(self) -> str:
        """Value of the `service` entity."""
        return self.said_as or self.folder

    def covers(self, operation: str) -> bool:
        """Tell whether passages are made of an operation."""
        return bool(
            re.search(self.only, operation)
            and not re.search(self.skip, operation)
            and not SELDOM.search(operation)
        )


_S3 = (
    "Annotation|Metadata(Table)?Configuration|MetadataInventory|MetadataJournal|Inventory|Analytics|"
    "Metrics|IntelligentTiering|Abac|Torrent|WriteGetObject|SelectObject|RequestPayment|"
    "UpdateObjectEncryption|ListDirectoryBuckets|^ListObjects$"
)
_EC2_THINGS = (
    r"(Instances|InstanceAttribute|InstanceStatus|InstanceTypes|InstanceMetadataOptions|ConsoleOutput|Images?|"
    r"Volumes?|Snapshots?|KeyPairs?|SecurityGroups?|SecurityGroup(In|E)gress|SecurityGroupRules|Vpcs?|"
    r"VpcAttribute|VpcEndpoints?|VpcPeeringConnections?|Subnets?|SubnetAttribute|RouteTables?|Route|"
    r"InternetGateways?|NatGateways?|NetworkAcls?|NetworkAclEntry|NetworkInterfaces?|Address(es)?|Tags|"
    r"LaunchTemplates?|LaunchTemplateVersion|SpotInstances|SpotPriceHistory|Fleet|FlowLogs|TransitGateways?|"
    r"Regions|AvailabilityZones|PasswordData|IamInstanceProfile|EbsEncryptionByDefault|PlacementGroup)"
)
_EC2 = (
    r"^(Run|Start|Stop|Reboot|Terminate|Create|Delete|Describe|Modify|Attach|Detach|Associate|Disassociate|"
    r"Authorize|Revoke|Allocate|Release|Copy|Register|Deregister|Get|Request|Cancel|Accept|Enable)"
    rf"{_EC2_THINGS}$"
)
_IAM = (
    "SSH|SigningCert|ServerCert|Delegation|Organizations|ContextKeys|ServiceSpecific|TagInstance|TagMFA|"
    "TagSAML|TagOpenID|TagServer|Untag|TokenServicePref|HumanReadable|AcquireRole|AccountProperties|"
    "ClientID|ServiceLastAccessed|GrantingServiceAccess|Thumbprint|^List.*Tags"
)
_RDS = (
    "Tenant|Custom|Shard|Recommendation|OptionGroup|DBSecurityGroup|InstallationMedia|Export|"
    "BackupsReplication|PendingMaintenance|SourceRegion|Integration|Role|FromS3|CapacityReservation|"
    "ActivityStream|Backtrack|ClusterEndpoint|ProxyEndpoint|GlobalCluster|ClusterParameter|Attribute|"
    "AutomatedBackup|Subscription|ReservedDB|EngineDefault|CurrentDBCluster|EventCategories|"
    "RestoreDBCluster"
)
_LOGS = (
    "Deliver|Anomal|Integration|Lookup|Import|Syslog|Transformer|Scheduled|S3Table|IndexPolic|FieldIndex|"
    "BearerToken|Aggregate|StorageTier|LogObject|GetLogFields|ConfigurationTemplate|AccountPolic"
)
_KMS = (
    "CustomKeyStore|DeriveShared|capsulate|Retir|KeyPolicies|WithoutPlaintext|KeyLastUsage|PrimaryRegion|"
    "ForImport|KeyDescription"
)
_ECS = (
    "Daemon|Gateway|TaskSet|^Submit|Attributes|PollEndpoint|ContainerAgent|ContainerInstance|"
    "PrimaryTaskSet|ServicesByNamespace|Revisions|ContinueService"
)
_CLOUDFORMATION = (
    "Type|GeneratedTemplate|ResourceScan|Publisher|Hook|Refactor|RecordHandler|OrganizationsAccess|"
    "AutoDeployment|InstanceResourceDrift"
)
_LAMBDA = "Durable|CodeSigning|CapacityProvider|RuntimeManagement|Recursion|FunctionScaling"
_DYNAMODB = (
    "Global|Bulk|ContributorInsights|ResourcePolicy|KinesisStreaming|Endpoints|SearchVectors|AutoScaling"
)
_EKS = "EksAnywhere|CertificateAuthorit|Capabilit|RegisterCluster|DeregisterCluster|IdentityProvider"
_CLOUDFRONT = (
    r"(Create|Update|Get|List|Delete|Copy)(Distribution|Distributions|DistributionConfig|Invalidation|"
    r"OriginAccessControl|CachePolicy|OriginRequestPolicy|ResponseHeadersPolicy|Function|KeyGroup|"
    r"PublicKey)s?$|PublishFunction|TestFunction"
)
_COGNITO = (
    r"SignUp|InitiateAuth|RespondToAuth|ForgotPassword|ChangePassword|UserPool$|UserPoolClient$|GetUser$|"
    r"AdminCreateUser|AdminSetUserPassword|ListUsers$|GlobalSignOut|RevokeToken|ConfirmationCode"
)
_SSM = r"Parameter|Session|Command|InstanceInformation|StartAutomationExecution|(Create|Get)Document$"
_AGENTCORE = "ABTest|Recommendation|Evaluat|Batch|Payment|Instrument"

SERVICES: tuple[Service, ...] = (
    Service("s3", "Amazon S3", skip=_S3),
    Service("ec2", "Amazon EC2", only=_EC2),
    Service("lambda", "AWS Lambda", skip=_LAMBDA),
    Service("dynamodb", "Amazon DynamoDB", skip=_DYNAMODB),
    Service("iam", "AWS IAM", skip=_IAM),
    Service("sts", "AWS STS"),
    Service("rds", "Amazon RDS", skip=_RDS),
    Service("cloudwatch", "Amazon CloudWatch", skip="Insight|MetricStream|Mute|OTel"),
    Service("logs", "Amazon CloudWatch Logs", skip=_LOGS, said_as="cloudwatch-logs"),
    Service("sqs", "Amazon SQS"),
    Service("sns", "Amazon SNS", skip="Platform|Endpoint|Sandbox"),
    Service("events", "Amazon EventBridge", skip="Partner|EventSource", said_as="eventbridge"),
    Service("scheduler", "Amazon EventBridge Scheduler", said_as="eventbridge-scheduler"),
    Service("stepfunctions", "AWS Step Functions"),
    Service("ecs", "Amazon ECS", skip=_ECS),
    Service("eks", "Amazon EKS", skip=_EKS),
    Service("ecr", "Amazon ECR", skip="PullThrough|CreationTemplate|Registry|Layer|Signing|PullTime"),
    Service("cloudformation", "AWS CloudFormation", skip=_CLOUDFORMATION),
    Service("apigateway", "Amazon API Gateway", skip="Document|Sdk|ClientCert|AccessAssoc|Validator|Model"),
    Service("apigatewayv2", "Amazon API Gateway v2", skip="Portal|Product|Model|Response|RoutingRule"),
    Service("route53", "Amazon Route 53", skip="Cidr|TrafficPolic|ReusableDelegation|DNSSEC|KeySigning|Geo"),
    Service("cloudfront", "Amazon CloudFront", only=_CLOUDFRONT),
    Service("kms", "AWS KMS", skip=_KMS),
    Service("secretsmanager", "AWS Secrets Manager"),
    Service("ssm", "AWS Systems Manager", only=_SSM),
    Service("elbv2", "Elastic Load Balancing", skip="TrustStore|Capacity"),
    Service("autoscaling", "Amazon EC2 Auto Scaling", skip="LoadBalancers|TrafficSources|RecordLifecycle"),
    Service("acm", "AWS Certificate Manager", skip="Acme"),
    Service("cognito-idp", "Amazon Cognito", only=_COGNITO),
    Service("cloudtrail", "AWS CloudTrail", only="Trail|LookupEvents|EventSelectors|Logging"),
    Service("kinesis", "Amazon Kinesis", skip="Queue|Channel"),
    Service("bedrock-runtime", "Amazon Bedrock Runtime"),
    Service("bedrock-agentcore", "Amazon Bedrock AgentCore", skip=_AGENTCORE),
    Service("bedrock-agentcore-control", "Amazon Bedrock AgentCore Control", only="AgentRuntime|Memory"),
    Service("ce", "AWS Cost Explorer", skip="Commitment"),
    Service("budgets", "AWS Budgets"),
    Service("service-quotas", "Service Quotas", skip="Template"),
)
"""In the order in which an operation that several services have is looked for."""
