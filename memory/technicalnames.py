"""Capitalised words that look like people and are none: products, methods, months, words of a sentence."""

_PRODUCTS = """
    airflow akka alexa alma alpine amazon ambassador amplify anaconda anthropic apache apollo appflow aqua
    arch argo ariadne athena atlas aurora avro aws azure babel bard bash beam bedrock beanstalk bert
    bigquery bitbucket boto buildkite cadence caddy cassandra celery ceph chef chime chrome claude
    cloudflare cloudformation cloudfront cloudtrail cloudwatch codebuild codecommit codepipeline cognito
    cohere comprehend confluence connect consul copilot couchbase cypress dagster dask databricks datadog
    debezium debian delta django docker druid dynamo dynamodb eclipse elastic elasticache elasticsearch
    electra elixir elm emr envoy erlang etcd eventbridge excel facebook fargate fedora firebase firehose
    flask flink fluentd forecast freertos gemini gemma github gitlab glacier glue golang google gradle
    grafana graphite graphql graviton greengrass greenplum gremlin groovy guardduty haiku hadoop harbor
    haskell hazelcast helm heroku hive honeycomb hopper hudi hudson iceberg ignite inferentia influx
    inspector instagram intel istio jaeger java javascript jenkins jetson jira jmeter julia jupyter kafka
    keda kendra kibana kinesis kotlin kube kubernetes lakeformation lambda laravel lex lightsail linkerd
    linkedin linux llama locust looker loki lucene lustre macie magento mariadb mattermost maven memcached
    mercurial meta microsoft mistral mongo mongodb mulesoft mysql nagios neo neptune nessus netflix
    netlify neuron nginx nokia nomad nova numpy nvidia okta omics openai openapi opensearch openshift opus
    oracle orion outlook outposts pandas parquet pascal paypal perl phoenix pinecone pinot pinpoint plotly
    podman polaris polars polly postgres postgresql postman power presto prometheus prophet pulsar pulumi
    puppet python pytorch quarkus quicksight rabbit rabbitmq rails raspberry ray react redis redshift
    rekognition river robomaker route ruby rust sagemaker salesforce salt samba sap scala scylla selenium
    sentry sequoia servicenow shopify siemens slack snowflake solr sonar sonnet spanner spark sparql
    splunk spotify spring sqlite stable step streamlit stripe superset surya swift tableau talend teams
    tempo tensorflow terraform tesla textract thanos timestream titan tomcat trainium transcribe translate
    trino turing twilio twitter ubuntu unity unix vagrant vault vega vercel vertex vertica victoria vmware
    volta wave webhook whatsapp windows wordpress workday yarn yolo zapier zendesk zipkin zookeeper zoom
    ampere maxwell tegra watson deepmind duckdb gitea jest ansible kong nexus sonatype artifactory nifi
    oozie impala sqoop zeppelin metabase dbt fivetran airbyte stitch segment amplitude mixpanel hotjar
    marketo hubspot intercom
    """
_METHODS = """
    akaike anderson arima bartlett bayes bayesian bellman benford bernoulli bessel bloom bonferroni boole
    boolean bollinger brier brownian byzantine caesar cartesian cauchy chebyshev cholesky cohen cook cox
    cramer darcy darling dickey dijkstra dirichlet durbin erlang euclid euclidean euler fisher fibonacci
    ford fourier friedman fuller gantt gauss gaussian gibbs gini granger gumbel haar hamming hamilton
    hausman hessian hilbert holm holt huber huffman hurst ishikawa jaccard jacobian jarque jaro kalman
    kaplan karnaugh kendall kolmogorov kruskal kullback lagrange lanczos laplace lasso leibler levenshtein
    levene ljung lorenz mahalanobis manhattan mann markov mcnemar meier mercator merkle mersenne michaelis
    monte carlo moore nash newton nyquist ols pareto parzen pearson pert poisson pythagoras raft rayleigh
    richter riemann ridge sankey sarima savitzky shannon shapiro shapley sharpe sierpinski sigma simpson
    smirnov sobel spearman student theil tukey turing venn viterbi voronoi wald ward wasserstein weibull
    welch whitney wilcoxon wilson winkler winters yates zipf
    """
_CALENDAR = """
    january february march april may june july august september october november december jan feb mar apr
    jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue wed
    thu fri sat sun christmas easter halloween thanksgiving ramadan diwali weekend today tomorrow
    yesterday quarter spring summer autumn winter morning evening
    """
_SENTENCE = """
    a about above access account action add address admin after again agent alarm alert alerts all also
    although am an analysis analyst and answer any api app application are as ask assistant at attention
    auth author back bank basic be because been before best better between billing block board bot both
    box break bring browser business but button buy by call can cancel capitalized card case catalog cell
    change channel chart chat check choose city class clean click client close cloud code column come
    command comment common community company compare compute config console contact container control cool
    copy cost could country create credit critical currently customer daily dashboard data database date
    day days dear default delete demo department deploy describe design dev developer device did directory
    discipline disk do document documentation does domain done down draft drop due during each east edit
    editor either email employee end engine engineering english enterprise entity environment error
    escalate even event events ever every everyone example excuse expert explain export extension external
    fail failed failure false fax feature field figure file filter final finally finance find first fix
    flag flow folder follow following for free from full function gateway generate get give given global
    go gold good got grant graph great group guest guide guys had happy hardware has have having he hello
    help her here hey hi high his home hope host hot hour how however hub hybrid i identity if image
    import in include incident index info information input insert install instance integration internal
    internet invoice is issue it item its job join just keep key kind know language last later latest
    launch layer lead learn left legal let level library license light like limit line link list live load
    local location log login logs long look low machine made mail main maintenance make management manager
    manual many map mark market marketing master maybe me mean meet member memory menu message metric
    metrics middle min mission mobile mode model module month more most move mr much multi must my name
    native need network never new next nice night no node normal north not note nothing notice now number
    object of off office offer ok okay old on once one online only open operator option or order
    organization other our out output over overview owner page paid part partner password path patient
    pattern pay payment people per performance permission phone pipeline place plain plan platform player
    please plot plus point policy pool port portal post premium present press price print private pro
    problem process product production profile program project prod protocol provider public pull push
    quality query question queue quick rate read ready real really record reference refund region regards
    register release remote remove rename repeat replace reply report repository request reset resource
    response rest restart result return review right risk role root row rule rules run safe sales same
    save say schedule schema science screen script search second secret section secure security see select
    send sensor serial server service services session set settings setup severity share she ship shop
    should show sign signal simple since single sir site size skip smart so software solution some someone
    sorry sort source south space spec speed stack staff stage standard star start state static station
    status stop storage store stream string strong studio subject subscription success such suite sum
    summary support sure switch system systems table tag take task team tech technical tell template
    tenant test testing thank thanks that the their them then there these they thing think this those
    thread threshold through ticket tier time timeout to token tool top topic total tour trace track trade
    traffic training transaction transfer tree trial true try turbine turn two type under unit united
    unlike until up update upgrade upload upper urgent usage use user users using valid value vendor
    verify version very via video view virtual vs volume wait want warning was watch way we web website
    week welcome well were west what when where whether which while who whole why wide will window wire
    don doesn didn isn wasn aren won couldn shouldn wouldn color availability shard forum threads endpoint
    duration build studies cores dedicated reserved billed notebook advisor instances groups keys hosts
    character disease syndrome imaging angiography wisdom with within without word work worker workflow
    workload world would write wrong year yearly yellow yes yet you your zone zoo hence thus therefore
    meanwhile additionally furthermore moreover otherwise nevertheless instead besides bearing blade
    compressor combustor cooling exhaust fuel gas generator inlet oil outage pressure pump rotor shaft
    steam temperature trip valve vibration waste water hydrogen lube oem gearbox governor stator exciter
    """
TECHNICAL_NAMES = frozenset(f"{_PRODUCTS} {_METHODS} {_CALENDAR}".split())
"""Products, methods and parts of the calendar, in lower case: no person unless it is said to be one."""

SENTENCE_WORDS = frozenset(_SENTENCE.split())
"""Words that are capitalised where a sentence, a title or a menu begins, in lower case."""
