"""Rules for what a company does not talk about: other people's credentials, its plans, its competitors.

Each rule says what it finds and which harmless uses of the same words it spares. Patterns run over single
sentences that `memory.disguise.read` made plain: lower case, no accents.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from memory.needles import Needles, bounded, may_match, needles, windows

RuleName = Literal["credential_request", "future_feature", "future_commitment", "competitor_disparagement"]


class TopicRule(NamedTuple):
    """One rule."""

    name: RuleName
    finds: re.Pattern[str]
    spares: re.Pattern[str]
    """A sentence that holds this is not counted."""

    needed: Needles
    """What a sentence must hold for `finds` to be tried."""


def _rule(name: RuleName, finds: str, spares: str) -> TopicRule:
    return TopicRule(name, re.compile(bounded(finds)), re.compile(bounded(spares)), needles(finds))


_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<!\n)\n+")

# --- somebody's or the system's secret is asked for ------------------------------------------------

_KEYS = (
    r"(?:pass ?words?|pass ?phrases?|passcodes?|pass codes?|credentials?|creds|log-?ins?"
    r"|log in (?:data|details)"
    r"|(?:api|access|secret|private|ssh|master|encryption|signing|account|license"
    r"|service)[ -]?(?:access[ -])?(?:keys?|tokens?)"
    r"|client secrets?|(?:oauth|bearer|session|auth\w*|refresh|jwt|security)[ -]?tokens?"
    r"|secrets?(?: values?| strings?)?|tokens?"
    r"|connection strings?|pins?|pin codes?|env(?:ironment)? ?var\w*|mfa codes?|(?:one[- ]time"
    r"|verification|recovery|backup) codes?|keys?)"
)
_ASK = (
    r"(?:give|gimme|send|tell|show|share|print|display|reveal|list|dump|read|fetch|get|output"
    r"|paste|provide|hand|look up|retrieve"
    r"|cat|expose|disclose|return|echo|write|post|e?-?mail|text|forward|supply|find|pull|extract"
    r"|decrypt|i need|i want|i'd like|we need"
    r"|let me (?:have|see|use|borrow)|(?:can|could|may|might) (?:i|we) (?:have|see|get|use|borrow)"
    r"|remind me|know|leak|copy|export|recover|what(?:'s| is| are| was| were)|which|who(?:se)?)"
)
_OTHERS = (
    r"(?:your|yours|you (?:use|run|have|hold|store|know|were|are|connect|log|sign|authenticate)"
    r"|his|hers?|their|theirs|someone(?: else)?'?s?|somebody(?: else)?'?s?|(?:an)?other (?:user"
    r"|person|customer|account|team|employee)\w*'?s?"
    r"|colleague'?s?|co-?worker'?s?|boss'?s?|manager'?s?|teammate'?s?|neighbou?r'?s?|friend'?s?"
    r"|wife'?s?|husband'?s?|predecessor'?s?|admin\w*'?s?|root|master|super ?user|sudo|domain admin"
    r"|production|prod|live|staging|shared"
    r"|service(?: |-)?accounts?|data ?base|db|operators?'?s?|servers?|team'?s|company'?s?"
    r"|customers?'?s?|clients?'s?|users?'?s?|employee\w*'?s?|owner'?s?|ceo'?s?|cfo'?s?|dba'?s?"
    r"|developers?'s?|vendor'?s?|wi-?fi|vpn|backend|system'?s?|host|agent'?s?|bot'?s?"
    r"|assistant'?s?|platform'?s?|cluster'?s?|instance'?s?|the (?:\w+ )?(?:account|role|box"
    r"|machine|gateway|app|application|service|integration|connector|pipeline|plc|hmi|controller"
    r"|scada|turbine|crm|erp))"
)
_FILES = (
    r"(?:~?/?\.aws/(?:credentials|config)|\.env\b|/etc/(?:shadow|passwd)|id_(?:rsa|ed25519|ecdsa)"
    r"|\.pem\b|\.ssh/|kube ?config|\.netrc|\.pgpass"
    r"|/proc/self/environ|169\.254\.169\.254|169\.254\.170\.2|metadata (?:endpoint|service)"
    r"|printenv|environment variables|aws_secret_access_key|aws_session_token|aws_access_key_id"
    r"|db_password|secret_key)"
)

CREDENTIAL_REQUEST = _rule(
    "credential_request",
    (
        rf"\b{_ASK}\b.{{0,60}}?\b{_OTHERS}(?!\w).{{0,40}}?\b{_KEYS}\b(?! (?:polic\w+|length"
        rf"|rotation|reset|format|field|rules?|manager|types?|names?|prefix\w*|age|requirements?"
        rf"|expir\w+|strength|management|vault|store)\b)"
        rf"|\b{_ASK}\b.{{0,50}}?\b{_KEYS}\b(?! (?:polic\w+|length|rotation|reset|format|field"
        rf"|rules?|manager|types?|names?)\b).{{0,50}}?\b(?:of|for|to|in|on|from|that|which|under"
        rf"|behind|by|with)? ?{_OTHERS}(?!\w)"
        rf"|\b{_ASK}\b.{{0,40}}\b(?:contents?|values?|plain ?text|text|body|clear text) (?:of|from"
        rf"|in|behind)\b.{{0,40}}(?:\b{_KEYS}\b|{_FILES}|secrets? manager|parameter store|vault"
        rf"|password)"
        rf"|\b(?:{_ASK}|call|open|query|curl|run|access|hit|use|type)\b.{{0,60}}?{_FILES}"
        r"|\b(?:passwords?|log-?ins?|credentials?|keys?|pin|tokens?)\b.{0,60}\b(?:tell|give|send"
        r"|show|share|text|read)(?: (?:me|us))? (?:it|them|hers|his|theirs|that one|one)\b"
        r"|\b(?:hers|his|theirs)\b.{0,20}\b(?:password|login|key|pin)"
        rf"|\bdo you (?:know|have|remember|store|see)\b.{{0,30}}\b(?:the|her|his|their|its|any|all"
        rf"|my \w+'s)\b.{{0,30}}\b{_KEYS}\b"
        rf"|\b(?:what|which) (?:\w+ )?{_KEYS} (?:do|did|are) you (?:us(?:e|ing)|have|hold|stor(?:e|ing)|know"
        r"|connect|log|sign|authenticate)\b"
        rf"|\b(?:log|sign) (?:me )?in as (?:the |an? )?(?:admin\w*|root|another|someone|him|her|them|my)\b"
    ),
    (
        r"\bhow (?:do|can|should|could|would|to|does|often|long|many|is"
        r"|are)\b(?!.{0,60}\b(?:colleague|someone|somebody|co-?worker|other (?:user|people|person)"
        r"|boss|his|hers?|their|your|admin'?s|another)\b.{0,30}\b(?:password|pass|key|token|login"
        r"|credential|pin|secret))"
        r"|\bwithout (?:sharing|giving|sending|showing|revealing|knowing|exposing)\b|\b(?:names?"
        r"|arns?|metadata|list of names)\b.{0,20}\b(?:not|without|only|but)\b.{0,20}\b(?:values?"
        r"|contents?|secrets?)\b"
        r"|\b(?:which|what) (?:\S+ ){0,3}?(?:permissions?|polic(?:y|ies)|actions?|roles?"
        r"|statements?|kms|service|api calls?|commands?|error|format|difference|options?|order"
        r"|steps|requirements?|minimum|maximum|best practice)\b"
        r"|\bwhat (?:does|do|happens|should|makes|can)\b|\bwhy\b|\bwhere (?:does|do|should|can"
        r"|could|is the best|are)\b|\bshould (?:i|we|they)\b|\bis it (?:safe|ok|okay|possible"
        r"|allowed|bad|good|secure)\b|\bcan (?:i|we) (?:create|rotate|reset|change|disable|delete"
        r"|use the same|revoke)\b"
        r"|\b(?:reset|rotate|change|revoke|renew|expire\w*|grant|create|generate|deactivate"
        r"|disable) (?:\S+ ){0,2}?(?:my|own|a new|our|the|these|their|all|a user'?s|an"
        r"|another) (?!.{0,40}\b(?:and (?:tell|send|give|show)))"
        r"|\bwhen (?:was|were|did|does|do|is)\b|\bexplain\b|\bhow many\b|<[a-z _-]{2,30}>|\$\{"
        r"|\*{3}|\bexample (?:key|password)\b|\bdifference between\b|\b(?:number|count|list"
        r"|report) of (?:\S+ ){0,3}(?:reset|rotat|expired|unused|old|active)"
    ),
)

# --- what has not been announced is asked for ------------------------------------------------------

_NEWS = (
    r"(?:support\w*|launch\w*|releas\w*|add(?:ed|ing)?|ship(?:ped|ping)?|announc\w*|introduc\w*"
    r"|roll(?:ed|ing)? out|available|availability|come out|coming|arrive|land|offer(?:ed)?"
    r"|implement\w*|be out|ga\b|general(?:ly)? availab\w*"
    r"|expand\w*|drop(?:ped)?|lower(?:ed)?|cut|reduc\w*|rais\w*|increas\w*|deprecat\w*"
    r"|discontinu\w*|retir\w*|replac\w*|remov\w*|open\w*|integrat\w*|include[sd]?|allow|enable"
    r"|bring|deliver\w*|unveil\w*|upgrad\w*|acquir\w*|merge|build|change (?:the|its|your) pric\w*"
    r"|become|support|cheaper|free|gets? (?:a|an|the|its|more|new|native|better|support|rid"
    r"|cheaper)|have (?:a|an|native|support|built))"
)
_MINE = (
    r"(?:my|our|mine|ours|i|we|this|these|the (?:\w+ )?(?:quer(?:y|ies)|job|jobs|cluster|crawler|task"
    r"|tasks|export|import|report|pipeline|backup|snapshot|instance|table|dashboard|certificate"
    r"|workflow|function|run|build|deployment|stack|order|invoice|maintenance|inspection|overhaul"
    r"|turbine|engine|pump|unit|filter|bearing|oil|seal|alarm|data|results?|password|token|session|key"
    r"|trial|contract|subscription)|it)"
)

FUTURE_FEATURE = _rule(
    "future_feature",
    (
        rf"\b(?:when|how soon|by when|what (?:date|day|month|quarter|year)|which (?:month|quarter"
        rf"|year|date|release|version)|how long (?:until|before|till))\b.{{0,15}}?\b(?:will|is|are"
        rf"|can (?:i|we) expect|do you|does|would|should we expect|until"
        rf"|before)\b(?! (?:{_MINE})\b).{{0,60}}?\b{_NEWS}"
        rf"|\b(?:will|won't) (?!{_MINE}\b)(?:\S+ ){{1,6}}?(?:ever |soon |finally |also "
        rf"|eventually |still )*(?:be )?{_NEWS}"
        rf"|\b(?:is|are|was|were) (?!{_MINE}\b)(?:\S+ ){{0,4}}?(?:going to|about to|planning (?:to"
        rf"|on|for|a|an)|set to|expected to|due to|scheduled to|intending to|considering"
        rf"|thinking of|working on|building|developing|preparing)\b.{{0,60}}"
        r"|\b(?:do|does|have|has) (?:you|your|aws|amazon|the (?:team|company|vendor|product\w*)"
        r"|they)\b.{0,30}\b(?:plan|plans|intend|intention|roadmap|aim|expect|going|hope) ?(?:to|on"
        r"|for|of)?\b"
        r"|\b(?:any|is there an?|are there|what are (?:the|your)|tell me (?:about )?(?:the"
        r"|your)) (?:\S+ )?(?:plans?|intentions?|eta|timeline|time ?frame|target date|release date"
        r"|launch date|ambitions?)\b(?! of (?:my|our|the (?:query|explain)))"
        r"|\b(?:roadmaps?|road map|unannounced|unreleased|not (?:yet )?(?:been )?(?:announced"
        r"|released|public|launched)|rumou?rs?|rumou?red|leak(?:s|ed) (?:about|on|of|feature"
        r"|roadmap|plan|date)|insider|secret (?:beta|feature|project|plan|preview|launch|release"
        r"|model|roadmap)\w*|(?:closed|private|hidden|internal) (?:beta|alpha|roadmap)|sneak peek"
        r"|early access to (?:the )?(?:next|new|unrel)|in the works|in the pipeline|up your sleeve"
        r"|code ?named?|under nda|under embargo|around the corner)\b"
        r"|\b(?:upcoming|forthcoming|future|next|coming|new) (?:\w+ ){0,2}?(?:features?|releases?"
        r"|versions?|models?|services?|regions?|pricing|price (?:change|cut|increase)s?|products?"
        r"|generation|graviton|re:? ?invent|summit|announcements?|launch(?:es)?|capabilit\w+"
        r"|integrations?|tiers?|roadmap|update)\b(?=.{0,60}(?:\?|$))(?<!\bnext run)"
        r"|\bwhat(?:'s| is| are| will)(?: be)? (?:\w+ )?(?:coming|next for|announced|launched"
        r"|released|planned|in store|new in (?:the )?(?:next|20[2-9]\d))\b"
        r"|\bwhat (?:\w+ ){0,2}(?:are|is) (?:you|aws|amazon|the team|they"
        r"|anthropic) (?:\w+ )?(?:getting|planning|releasing|launching|working|building|adding"
        r"|cooking|preparing|going)\b"
    ),
    (
        r"\b(?:forecast\w*|predict\w*|project(?:ed|ion|ions)|estimate\w*)\b|\b(?:revenue|sales"
        r"|demand|churn|turnover|profit|margin|traffic|orders?|bookings|headcount|spend\w*|costs?"
        r"|bill|usage|inventory|stock)\b.{0,40}\b(?:be|grow\w*|look|reach|trend|next|drop|increase"
        r"|exceed|rise|fall)\b"
        r"|\b(?:published|documented|official(?:ly)?|already|has been announced"
        r"|have been announced|were announced|was announced|been announced (?:for|this|last)"
        r"|announced (?:this|last|so far|date)|did|launched (?:this|last|in)|released (?:this|last"
        r"|in)|changelog|what'?s new page|release notes|today|currently|right now|at the moment"
        r"|yesterday|last (?:week|month|year|quarter))\b"
        r"|\b(?:when|will|is|are) (?:my|our|the scheduled|this|the next (?:maintenance|run|backup"
        r"|scheduled|inspection|payment|invoice|window))\b|\bnext (?:maintenance|run|scheduled"
        r"|backup|inspection|invoice|payment|billing|overhaul|service interval|window)\b"
        r"|\bmaintenance window\b|\bscheduled (?:query|job|run|task|export|report)\b"
        r"|\bif (?:i|we|the|my|our|you (?:add|change|set|use|run))\b|\b(?:my|our) (?:next|future"
        r"|upcoming|new|roadmap|plan\w*|product|release|customers?|team'?s|road map|launch|app"
        r"|service)\b|\b(?:in|is|i see in) preview\b.{0,30}\b(?:billed|charged|free|cost|sla"
        r"|supported)\b|\bbuild (?:a|my|our) (?:product )?roadmap\b"
        r"|\bhow (?:do|can|should|to) (?:i|we|you)?\b"
    ),
)

# --- nobody may promise this ----------------------------------------------------------------------

_PROVIDER = (
    r"(?:we|we'll|i|i'll|our (?:team|company|engineers?|developers?|product team|support|group"
    r"|organization)|the (?:team|company|engineers?|developers?|product team|vendor|provider"
    r"|engineering team|service team|support team|roadmap)|aws|amazon|engineering|product management"
    r"|they|my team|management|us)"
)
_PROMISED = (
    r"(?:add\w*|releas\w*|launch\w*|ship\w*|support\w*|announc\w*|introduc\w*|roll(?:ed|ing)? out"
    r"|deliver\w*|fix\w*|refund\w*|credit\w*|compensat\w*|reimburs\w*|waiv\w*|cut|lower\w*|reduc\w*"
    r"|drop\w*|halv\w*|doubl\w*|tripl\w*|improv\w*|extend\w*|offer\w*|provid\w*|open\w*|build\w*"
    r"|implement\w*|resolv\w*|restor\w*|enabl\w*|replac\w*|migrat\w*|upgrad\w*|discount\w*|giv\w*"
    r"|grant\w*|pay\w*|cover\w*|match\w*|keep\w*|bring\w*|make sure|ensure|expand\w*|have (?:it|this"
    r"|that|a fix|support)|get (?:it|this|you|a)|be (?:available|free|out|ready|live|cheaper|supported"
    r"|faster|generally available|rolled|launch\w*|releas\w*|add\w*)|retire|deprecate|remove|integrate"
    r"|unveil|publish|patch|honou?r|hold|freeze|never (?:raise|increase|charge|change|deprecate|remove"
    r"|go))"
)
_WHEN = (
    r"(?:next (?:week|month|quarter|year|release|version|update|spring|summer|autumn|fall|winter"
    r"|sprint|generation)|(?:this|coming) (?:spring|summer|autumn|fall|winter|quarter|year|week|month)"
    r"|by (?:the end of|summer|spring|winter|autumn|fall|christmas|q[1-4]|next|early|late|mid|january"
    r"|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday"
    r"|wednesday|thursday|friday|tomorrow|20[2-9]\d|end of)|in (?:20[2-9]\d|q[1-4]|the (?:next|coming"
    r"|near|second|first|third|fourth)|early|late|january|february|march|april|june|july|august"
    r"|september|october|november|december|a future)|soon|shortly|within (?:\w+ )?(?:days?|weeks?"
    r"|months?|hours?|\d+)|later this (?:year|month|week|quarter)|from next \w+ on"
    r"|before (?:the )?(?:end|year|summer|christmas)|tomorrow|in (?:two|three|four|six|a few"
    r"|\d+) (?:days|weeks|months))"
)

FUTURE_COMMITMENT = _rule(
    "future_commitment",
    (
        rf"\b{_PROVIDER} (?:\w+ )?(?:will|'ll|shall|is going to|are going to|'re going to"
        rf"|am going to|'m going to|plans? to|is planning to|are planning to|intends? to"
        rf"|expects? to|aims? to|is about to|are about to|is set to|commits? to|promised? to"
        rf"|pledges? to|guarantees? to|hopes? to|have decided to|has decided to"
        rf"|can commit to)(?: \w+){{0,3}}? {_PROMISED}\b"
        rf"|\b(?:we'll|i'll|they'll|it'll)(?: \w+){{0,3}}? {_PROMISED}\b"
        r"|\b(?:we|i|aws|amazon|our team|the team|they)(?: can| do| hereby| fully)? (?:promise"
        r"|guarantee|pledge|assure you|commit|vow|swear|warrant)\b(?! nothing)|\b(?:you have (?:my"
        r"|our) word|rest assured|mark my words|my promise|you can (?:count|rely|bank) on"
        r"|count on (?:it|us)|no doubt about it)\b"
        rf"|\b(?:will|is going to|are going to|'ll|is expected to|are expected to|is scheduled to"
        rf"|is set to|is due to|is planned to|are planned to|is slated to"
        rf"|is about to) (?:\w+ )?(?:be )?(?:{_PROMISED}|arriv\w*|land\w*|come|appear|support\w*"
        rf"|become (?:generally )?(?:available|free|cheaper)|disappear|cost (?:less|half|nothing)"
        rf"|go (?:live|ga|down in price)|get (?:cheaper|a|an|support"
        rf"|faster))\b.{{0,60}}?\b{_WHEN}\b"
        rf"|\b(?:bug|issue|problem|fix|patch|feature|features|support|outage|defect|limit"
        rf"|limitation|region|model|version|release|integration|dark mode|price|prices|pricing"
        rf"|cost|sla|service|refund|credit|compensation|update|upgrade|tier|connector"
        rf"|api) (?:\S+ ){{0,6}}?(?:will|is going to|are going to|'ll|is planned|are planned"
        rf"|is expected|is scheduled|is coming|are coming|arrives?|comes|lands?|ships?|goes live"
        rf"|gets)\b(?: \w+){{0,3}}?.{{0,50}}?(?:\b{_WHEN}\b|\b(?:fixed|resolved|released|available"
        rf"|added|supported|launched|refunded|free|cheaper|lower|doubled|halved)\b)"
        r"|\b(?:coming soon|stay tuned|on (?:the|our) roadmap|in the (?:works|pipeline) for"
        r"|just around the corner|watch this space|will be here|about to (?:launch|release"
        r"|announce|ship)|soon (?:be )?(?:available|released|supported|get|have)|is (?:coming"
        r"|arriving|launching|shipping|landing)\b|are (?:coming|arriving|launching|shipping"
        r"|landing)\b|look forward to (?:the|our) (?:launch|release|new)|to be (?:released"
        r"|launched|announced) (?:in|by|next|this))"
        rf"|\b(?:next|coming|upcoming) (?:release|version|update|quarter|month|year"
        rf"|generation) (?:will|is going to|brings|adds|includes|contains|supports|introduces)\b"
        rf"|\b(?:planned|slated|scheduled|targeted|expected) (?:for|in|to (?:launch|release|ship"
        rf"|arrive|land)) (?:\w+ )?{_WHEN.replace('in (?:', '(?:in )?(?:')}"
        r"|\b(?:expect|anticipate) (?:\S+ ){1,6}?(?:to (?:launch|ship|be (?:released|available"
        r"|fixed|added)|arrive|support)|(?:in|by|next) (?:the |q[1-4]|20[2-9]\d|next|early|late"
        r"|summer|spring))"
    ),
    (
        r"\b(?:can'?t|cannot|can not|could not|couldn'?t|unable to|won'?t|will not|do not|don'?t"
        r"|not able to|must not|may not|never) (?:\w+ )?(?:promise|guarantee|comment|commit|say"
        r"|tell|predict|confirm|announce|speculate|share|know|make (?:any )?(?:promises"
        r"|commitments))\b|\bno (?:promise|guarantee|date|announcement|plans? (?:has|have) been)\b"
        r"|\bnot (?:been )?announced\b|\bhas(?:n'?t| not) (?:been )?(?:announced|published)"
        r"|\b(?:forecast|projection|prediction|model (?:predicts|expects|forecasts)|trend"
        r"|at this rate|extrapolat\w*)\b|\b(?:revenue|sales|demand|churn|turnover|traffic|orders"
        r"|growth) (?:\w+ )?(?:will|is expected|are expected)\b"
        r"|\b(?:the|your|this|that|each|every) (?:\w+ )?(?:query|job|cluster|crawler|task|export"
        r"|import|report|pipeline|backup|snapshot|instance|table|dashboard|certificate|workflow"
        r"|function|build|deployment|stack|pump|turbine|engine|valve|alarm|maintenance|column|row"
        r"|download|upload|session|password|token) (?:\w+ )?(?:will|is going to|is scheduled"
        r"|shall)\b"
        r"|^if\b|\bif you\b|\bunless\b|\bonce you\b|\bafter you\b|\bwhen you\b|\byou(?:'ll"
        r"| will) (?:see|need|find|have to|be (?:asked|prompted|charged|billed|able|redirected))\b"
        r"|\bin the window you\b|\baccording to\b|\bpublished\b|\bdocument(?:ed|ation)\b"
        r"|\bofficial(?:ly)? (?:announc\w*|schedule|page)\b|\bannounced (?:on|in|for|at|that)\b"
        r"|\bbecame\b"
    ),
)

# --- competitors are not run down -----------------------------------------------------------------

COMPETITORS = (
    "azure|microsoft|google|gcp|google cloud|bigquery|snowflake|databricks|"
    "oracle|tableau|ibm|alibaba|power bi|looker|qlik|salesforce|sap|teradata|"
    "cloudera|mongodb|openai|chatgpt|gemini|digitalocean|heroku|vercel|"
    "netlify|cloudflare|palantir|splunk|datadog|confluent|hetzner|ovh|rackspace|"
    "synapse|fabric|vertex ai|cosmos db|dataiku|fivetran|domo|thoughtspot|"
    "clickhouse|siemens|ge vernova|general electric|ansaldo|mitsubishi|baker hughes|"
    "rolls-royce|man energy|kawasaki|the competition"
    "|competitors?|competing (?:product|vendor|service)s?|rivals?|other (?:vendor|provider|cloud|supplier)s?"
)
"""Names to which a domain's own `competitors` are added: a regular expression without its brackets."""

_SLIGHT = (
    r"(?:worse|worst|inferior|unreliable|insecure|unsafe|garbage|trash|rubbish|junk|crap\w*"
    r"|terrible|awful|horrible|horrid|dreadful|lousy|bad|poor|poorly|mediocre|toy|joke|scam|scams"
    r"|fraud\w*|ripp?s?\b|ripp(?:ed|ing)|rip-?offs?|dinosaurs?|outdated|obsolete|antiquated"
    r"|ancient|legacy junk"
    r"|overpriced|over-priced|expensive (?:mess|toy|mistake)|lock(?:s|ed|ing)? (?:you|users"
    r"|customers|people|everyone|companies|them) in|lock(?:s)? in|bleeds?|bleeding|waste\w*"
    r"|nobody (?:\w+ )?(?:uses|wants|trusts|likes|needs)|no one (?:\w+ )?(?:uses|wants|trusts"
    r"|likes|needs)|always (?:down|broken|late|crash\w*|fail\w*)|constantly (?:down|crash\w*"
    r"|fail\w*|break\w*)|keeps? (?:crashing|failing|losing|breaking|going down)"
    r"|(?:can'?t|cannot|can not|never) (?:be trusted|\w+ (?:to )?trust\w*|deliver|scale|keep up"
    r"|compete|handle|do (?:it|anything|that)|even|match)|los(?:e|es|t|ing) (?:your |their "
    r"|customers'? |all )?(?:data|files|customers)|dying|dead|second-?rate|third-?rate|clunky"
    r"|bloated|buggy|nightmares?|disasters?|disastrous|mess|messy|useless|worthless|pathetic"
    r"|lag(?:s|ging)? (?:far )?behind|(?:far|years|miles|way) behind"
    r"|stay away|steer clear|avoid|regret|shady|greedy|steal\w*|spy\w*|spies|sells? your data"
    r"|leak(?:s|y)|incompeten\w*|laughabl\w*|laugh at|knock-?offs?|copycat|sucks?|stinks?|broken"
    r"|liars?|lies|lying|desperate|goug\w*|struggl\w*|falling apart|falls? (?:apart|over)"
    r"|overhyped|over-hyped|hype|snake oil|wannabe|amateur\w*|failing|sloppy|painful|pain to"
    r"|hopeless|dishonest|unethical|crooks?|thieves|cheats?|sinking ship|house of cards|time bomb"
    r"|hot garbage|primitive|stone age|embarrass\w*|ridiculous|fools?|suckers?|idiots?|stupid"
    r"|crash\w*|vulnerable|swiss cheese|hacked|breach\w*|bankrupt\w*|don'?t (?:bother|waste|use"
    r"|trust|buy|fall)|do not (?:bother|waste|use|trust|buy)|never (?:buy|use|trust|choose)"
    r"|only (?:for )?(?:fools|beginners|people who)|for people who (?:can'?t|cannot|don'?t)"
    r"|milk\w*|squeez\w*|hidden (?:fees|costs)|trap\w*|abandon\w*|doesn'?t care|don'?t care"
    r"|could not care less|slow as|sluggish|falls short|weak\w*|not (?:a )?serious\w*|no match"
    r"|not even close|disappoint\w*|ugly|flop\w*|cheap (?:copy|imitation))"
)

_SPARES_FACTS = (
    r"\b(?:in this benchmark|benchmark\w*|measured|according to|documentation|lists? its"
    r"|its price list|per (?:dbu|hour|gb|month|seat|query)|percent|survey|report(?:ed)? by"
    r"|status page|release notes|published)\b|(?<![\d.,])\d[\d.,]*+ ?(?:s|ms|%|percent|seconds|usd|dollars"
    r"|\$|gb|tb|hours?)\b|\bour (?:old |own |previous |former )"
    r"|\b(?:error|exception|failed|fails|failing|broken|bad) (?:connection|request|link|query"
    r"|credentials|gateway|pipe|message)\b|\bavoid (?:full|select|using|scanning|the|duplicate"
    r"|data)\b|\bdepends on\b"
)


@lru_cache(maxsize=32)
def disparagement(names: tuple[str, ...]) -> TopicRule:
    """Return the rule that protects these names, besides the usual ones."""
    either = "|".join((COMPETITORS, *(re.escape(name.lower()) for name in names)))
    name = rf"(?<![\w.])(?:{either})(?:'s?)?(?!\w)"
    finds = (
        rf"{name}.{{0,80}}?\b{_SLIGHT}\b|\b{_SLIGHT}\b.{{0,60}}?{name}"
        rf"|\b(?:unlike|in contrast to|as opposed to|compared (?:with|to)) {name}.{{0,60}}\b(?:not"
        rf"|never|actually|doesn'?t|don'?t|won'?t|really|can|cares?|works)\b"
        rf"|\b(?:only|nobody|no one|who(?:ever)?|anyone|anybody)\b.{{0,20}}\b(?:uses?|trusts?"
        rf"|buys?|chooses?|picks?|still)\b.{{0,15}}{name}"
    )
    return _rule("competitor_disparagement", finds, _SPARES_FACTS)


def broken(rules: Iterable[TopicRule], text: str) -> list[RuleName]:
    """Return the rules that some sentence of a text that was made plain breaks, in the order given."""
    sentences = [line for long in _SENTENCE.split(text) if long for line in windows(long)]
    return [
        rule.name
        for rule in rules
        if any(
            may_match(rule.needed, line) and rule.finds.search(line) and not rule.spares.search(line)
            for line in sentences
        )
    ]
