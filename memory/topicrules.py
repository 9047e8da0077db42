"""Rules for what a company does not talk about: other people's credentials and its plans.

Each rule says what it finds and which harmless uses of the same words it spares. Patterns run over single
sentences that `memory.disguise.read` made plain: lower case, no accents.
"""

import re
from typing import Literal, NamedTuple

from memory.needles import Needles, Starts, bounded, needles, starts

RuleName = Literal["credential_request", "future_feature", "future_commitment", "competitor_disparagement"]


class TopicRule(NamedTuple):
    """One rule."""

    name: RuleName
    finds: re.Pattern[str]
    spares: re.Pattern[str]
    """A sentence that holds this is not counted."""

    needed: Needles
    """What a sentence must hold for `finds` to be tried."""

    starts: Starts | None
    """How matches of `finds` begin; `None`: they may begin anywhere."""

    about: re.Pattern[str]
    """What a sentence must hold to be in question at all, whatever else it says."""

    about_starts: Starts | None


def topic_rule(name: RuleName, finds: str, spares: str, about: str) -> TopicRule:
    """Compile a rule."""
    return TopicRule(
        name,
        re.compile(bounded(finds)),
        re.compile(bounded(spares)),
        needles(finds),
        starts(finds),
        re.compile(about),
        starts(about),
    )


# --- somebody's or the system's secret is asked for ------------------------------------------------

_KEYS = (
    r"(?:pass ?words?|pas{1,3}w?o?r?o?ds?|pass?wds?|pwd?s?|pass ?phrases?|passcodes?|pass codes?"
    r"|credentials?"
    r"|creds|log-?ins?|wi-?fi keys?"
    r"|log in (?:data|details)"
    r"|(?:api|access|secret|private|ssh|master|encryption|signing|account|license"
    r"|service)[ -]?(?:access[ -])?(?:keys?|tokens?)"
    r"|client secrets?|(?:oauth|bearer|session|auth\w*|refresh|jwt|security)[ -]?tokens?"
    r"|secrets?(?: values?| strings?)?|tokens?"
    r"|connection strings?|pins?|pin codes?|env(?:ironment)? ?var\w*|mfa codes?|(?:one[- ]time"
    r"|verification|recovery|backup) codes?|keys?(?! (?:figures?|differences?|points?|metrics?|performance"
    r"|indicators?|facts?|features?|pairs?|columns?|to|switch\w*|vault|do|values?|results?|steps?"
    r"|words?|factors?|parts?)\b))"
)
_ASK = (
    r"(?:give|gimme|send|tell|show|share|print|display|reveal|list|dump|read|fetch|get|output"
    r"|paste|provide|hand|look up|retrieve"
    r"|cat|expose|disclose|return|echo|write|post|(?:e-?)?mail|text|forward|supply|find|pull|extract"
    r"|decrypt|decode|i need|i want|i'd like|we need"
    r"|let me (?:have|see|use|borrow)|(?:can|could|may|might) (?:i|we) (?:have|see|get|use|borrow)"
    r"|remind me|know|leak|copy|export|recover|what(?:'?s| is| are| was| were)|which|who(?:se)?)"
)
_OTHERS = (
    r"(?:your|yours|you (?:use|run|have|hold|store|know|were|are|connect|log|sign|authenticate)"
    r"|his|hers?|their|theirs|someone(?: else)?'?s?|somebody(?: else)?'?s?|(?:an)?other (?:user"
    r"|person|customer|account|team|employee)\w*'?s?"
    r"|colleague'?s?|co-?worker'?s?|boss'?s?|manager'?s?|teammate'?s?|neighbou?r'?s?|friend'?s?"
    r"|wife'?s?|husband'?s?|predecessor'?s?|admin\w*'?s?|root|master|super ?user|sudo|domain admin"
    r"|production|prod|live|staging|shared"
    r"|service[ -]?(?:accounts?|users?)|data ?base|db|operators?'?s?|servers?|team'?s|company'?s?"
    r"|customers?'?s?|clients?'s?|users?'?s?|employee\w*'?s?|owner'?s?|ceo'?s?|cfo'?s?|dba'?s?"
    r"|(?!it's|what's|let's|that's|here's|there's|who's|how's|where's|today's)[a-z]{2,20}'s"
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

CREDENTIAL_REQUEST = topic_rule(
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
        r"|show|share|text|read|look|find|fetch|get|retrieve)(?: (?:me|us))? (?:it|them|hers|his|theirs"
        r"|that one|one)\b"
        r"|\b(?:hers|his|theirs)\b.{0,20}\b(?:password|login|key|pin)"
        rf"|\bdo you (?:know|have|remember|store|see)\b.{{0,30}}\b(?:the|her|his|their|its|any|all"
        rf"|my \w+'s)\b.{{0,30}}\b{_KEYS}\b"
        rf"|\b(?:what|which) (?:\w+ )?{_KEYS} (?:do|did|are) you (?:us(?:e|ing)|send(?:ing)?|have|hold"
        rf"|stor(?:e|ing)|know"
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
        r"|statements?|kms|service (?:stores?|keeps?|manages?|rotates?|should|do|can|is)|api calls?"
        r"|commands?|error|format|difference|options?|order"
        r"|steps|requirements?|minimum|maximum|best practice)\b"
        r"|\bwhat (?:does|do|happens|should|makes|can)\b|\bwhy\b|\bwhere (?:does|do|should|can"
        r"|could|is the best|are)\b|\bshould (?:i|we|they)\b|\bis it (?:safe|ok|okay|possible"
        r"|allowed|bad|good|secure)\b|\bcan (?:i|we) (?:create|rotate|reset|change|disable|delete"
        r"|use the same|revoke)\b"
        r"|\b(?:reset|rotate|change|revoke|renew|expire\w*|grant|create|generate|deactivate"
        r"|disable) (?:\S+ ){0,2}?(?:my|own|a new|our|the|these|their|all|a user'?s|an"
        r"|another) (?!.{0,40}\b(?:and (?:tell|send|give|show)))"
        rf"|\b(?:recover|restor|retriev)(?:e|ing) (?:my (?:own |user |account |profile )*{_KEYS}\b"
        rf"|the \S+ (?:\S+ )?of my (?:user|account)\b(?!'))"
        rf"|\b(?:wrong|incorrect) {_KEYS}\b|\b{_KEYS} (?:in )?(?:wrong|incorrectly|too many times)\b"
        r"|\b(?:which|what) (?:\S+ ){0,3}?(?:keys?|tokens?|passwords?|secrets?|credentials?|log-?ins?)"
        r" (?:(?:has|have|had|is|are|was|were) (?:not|never|been|older|unused|still|about|due)"
        r"|expired?|expires|belongs?|need)\b"
        r"|\bdo (?:i|we) (?:really |still |even |also )?need\b|\b(?:older|newer|unused|inactive"
        r"|last used) than\b"
        r"|\b(?:older|newer|last used|unused)\b|\bdoes (?:the |a )?(?:aws )?(?:sdk|cli|driver|client"
        r"|library|console)\b"
        r"|\bwhen (?:was|were|did|does|do|is)\b|\bexplain\b|\bhow many\b|<[a-z _-]{2,30}>|\$\{"
        r"|\*{3}|\bexample (?:key|password)\b|\bdifference between\b|\b(?:number|count|list"
        r"|report) of (?:\S+ ){0,3}(?:reset|rotat|expired|unused|old|active)"
    ),
    rf"\b(?:{_KEYS}|access data|hash|cookies?|keys?|jwts?|community strings?|vault|authenticat\w*)\b",
)

# --- what has not been announced is asked for ------------------------------------------------------

_PRODUCT = (
    r"(?:you|your (?:\w+ )?(?:team|company|product|platform|service|app|pricing|prices?|api)|they"
    r"|the (?:\w+ )?"
    r"(?:team|company|vendor|provider|engineers|developers|product|platform|console|sdk|cli|api|app|agent"
    r"|service|portal|plugin|free tier|price|pricing|prices)|aws|amazon|anthropic|athena|redshift|lambda|s3"
    r"|bedrock|agentcore|quicksight|glue|sagemaker|aurora|dynamodb|ec2|ecs|eks|fargate|cloudfront|kinesis"
    r"|msk|opensearch|neptune|nova|titan|claude|graviton|trainium|inferentia|step functions|eventbridge|rds"
    r"|emr|lake formation|cloudwatch|sqs|sns|iam|cognito|amplify|documentdb|timestream|nat gateways?"
    r"|outposts|elasticache|memorydb|sonnet|opus|haiku|strands|prices?|pricing|support for|regions?)"
)
"""Whose plans are asked for."""

PRODUCT_NAMES = re.compile(
    r"\b(?:aws|amazon|anthropic|athena|redshift|lambda|s3|bedrock|agentcore|quicksight|glue"
    r"|sagemaker|aurora|dynamodb"
    r"|ec2|ecs|eks|fargate|cloudfront|kinesis|msk|opensearch|neptune|graviton|trainium|inferentia"
    r"|rds|emr|cloudwatch"
    r"|eventbridge|sqs|sns|iam|cognito|nova|claude)\b"
)
"""Names of which one is as good as another to the model."""

_SURE_NEWS = (
    r"(?:support\w*|launch\w*|releas\w*|announc\w*|introduc\w*|roll(?:ed|ing)? out|generally available"
    r"|available|availability|come out|ga|deprecat\w*|discontinu\w*|integrat\w*|unveil\w*|ship(?:ped|ping)?"
    r"|get (?:an?|native|support|rid)|have (?:an?|native|support|built)|offer(?:ed)?|cheaper|implement\w*)"
)
"""Said of products only."""

_NEWS = (
    r"(?:support\w*|launch\w*|releas\w*|add(?:ed|ing)?|ship(?:ped|ping)?|announc\w*|introduc\w*"
    r"|roll(?:ed|ing)? out|available|availability|come out|coming|arrive|land|offer(?:ed)?"
    r"|implement\w*|be out|ga\b|general(?:ly)? availab\w*|use \w+|beta\b"
    r"|expand\w*|drop(?:ped)?|lower(?:ed)?|cut|reduc\w*|rais\w*|increas\w*|deprecat\w*"
    r"|discontinu\w*|retir\w*|replac\w*|remov\w*|open\w*|integrat\w*|include[sd]?|allow|enable"
    r"|bring|deliver\w*|unveil\w*|upgrad\w*|acquir\w*|merge|build|change (?:the|its|your) pric\w*"
    r"|become|support|cheaper|free|end|go away|gets? (?:a|an|the|its|more|new|native|better|support|rid"
    r"|cheaper)|have (?:a|an|native|support|built))"
)
_MINE = (
    r"(?:my|our|mine|ours|i|we|this|these|the (?:\w+ )?(?:quer(?:y|ies)|job|jobs|cluster|crawler|task"
    r"|tasks|export|import|report|pipeline|backup|snapshot|instance|table|dashboard|certificate"
    r"|workflow|function|run|build|deployment|stack|orders?|purchases?|shipments?|delivery|package"
    r"|refund|weather|invoice|maintenance|inspection|overhaul"
    r"|turbine|engine|pump|unit|filter|bearing|oil|seal|alarm|data|results?|password|token|session|key"
    r"|trial|contract|subscription)|it)"
)

_AHEAD = (
    r"(?:will|won'?t|going to|plan\w*|next|when|soon|com(?:e|es|ing)|new|future|upcoming|ahead"
    r"|roadmap|releas\w*"
    r"|launch\w*|announc\w*|20(?:2|3|4)\d|date|rumou?r\w*|promis\w*|guarante\w*|expect\w*|january|february"
    r"|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn"
    r"|winter|christmas"
    r"|monday|tuesday|wednesday|thursday|friday|week|month|quarter|year|tomorrow|prepar\w*"
    r"|discontinu\w*|retir\w*"
    r"|getting|heard|yet|agenda|backlog|gen|finally|successor|intend\w*|intention\w*|about to|set to"
    r"|aim\w*|hint\w*|ever|one day|is \w+ getting"
    r"|are you \w+ing"
    r"|is being|shall|never|eta|news|secret|confirm\w*|steps|my word|beta|expand"
    r"|(?:i|you|we|they|it|that|this|there)'ll)"
)
"""Words without which nothing is said of what is to come."""

FUTURE_FEATURE = topic_rule(
    "future_feature",
    (
        rf"\b(?:when|how soon|by when|what (?:date|day|month|quarter|year)|which (?:month|quarter"
        rf"|year|date|release|version)|how long (?:until|before|till))\b.{{0,15}}?\b(?:will|is|are"
        rf"|can (?:i|we) expect|do you|does|would|should we expect|until"
        rf"|before)\b(?! (?:{_MINE})\b).{{0,60}}?\b(?:{_SURE_NEWS}|{_PRODUCT}\b.{{0,40}}?\b{_NEWS})\b"
        rf"|\b(?:will|won't) (?!{_MINE}\b)(?:\S+ ){{1,6}}?(?:ever |soon |finally |also "
        rf"|eventually |still )*(?:be )?{_SURE_NEWS}\b"
        rf"|\b(?:will|won't) (?:\S+ ){{0,4}}?{_PRODUCT} (?:\S+ ){{0,5}}?(?:be )?{_NEWS}\b"
        rf"|(?:\b(?:is|are|was|were) (?!{_MINE}\b)(?:\S+ ){{1,4}}?|\b(?:{_PRODUCT}|what|who"
        rf"|which (?:\w+ ){{1,3}}?)(?: \w+)?"
        rf"(?: is| are| was| were|'s|'re) (?:\w+ )?)(?:going to|about to|planning (?:to"
        rf"|on|for|a|an)|set to|expected to|due to|scheduled to|intending to|considering"
        rf"|thinking of|working on|building|developing|preparing)\b.{{0,60}}"
        r"|\b(?:do|does|have|has) (?:you|your|aws|amazon|the (?:team|company|vendor|product\w*)"
        r"|they)\b.{0,30}\b(?:plan|plans|intend|intention|roadmap|aim|expect|going|hope) ?(?:to|on"
        r"|for|of)?\b"
        r"|\b(?:any|is there an?|are there|what are (?:the|your)|tell me (?:about )?(?:the"
        r"|your)) (?:\S+ )?(?:plans?|intentions?|eta|timeline|time ?frame|target date|release date"
        r"|launch date|ambitions?)\b(?! of (?:my|our|the (?:query|explain)))"
        r"|\b(?:roadmaps?|road map|(?:product|feature|development|team'?s|your) backlog|unannounced"
        r"|unreleased|not (?:yet )?(?:been )?(?:announced"
        r"|released|public|launched)|rumou?rs?|rumou?red|leak(?:s|ed) (?:about|on|of|feature"
        r"|roadmap|plan|date)|insider|secret (?:beta|feature|project|plan|preview|launch|release"
        r"|model|roadmap)\w*|(?:closed|private|hidden|internal) (?:beta|alpha|roadmap)|sneak peek"
        r"|early access to (?:the )?(?:next|new|unrel)|in the works|in the pipeline|up your sleeve"
        r"|on (?:the|your) (?:agenda|drawing board)"
        r"|code ?named?|under nda|under embargo|around the corner)\b"
        r"|\b(?:upcoming|forthcoming|future|next|coming|new) (?:\w+ ){0,2}?(?:features?|releases?"
        r"|versions?|models?|services?|regions?|pricing|price (?:change|cut|increase)s?|products?"
        r"|generation|graviton|re:? ?invent|summit|announcements?|launch(?:es)?|capabilit\w+"
        r"|integrations?|tiers?|roadmap|update)\b(?=.{0,60}(?:\?|$))(?<!\bnext run)"
        r"|\bwhat(?:'s| is| are| will)(?: be)? (?:\w+ )?(?:coming|next for|announced|launched"
        rf"|released|planned (?:for|in|with|around) (?:{_PRODUCT}|next|the (?:next|coming)|20[2-9]\d)"
        rf"|in store|new in (?:the )?(?:next|20[2-9]\d))\b"
        rf"|\b(?:when|will|is|are)\b (?!{_MINE}\b).{{0,60}}?\b(?:go(?:ing)? live|go(?:ing)? away"
        rf"|be (?:there|here) (?:by|in"
        r"|before|soon|next)|shut(?:ting)? down for good|be sunset|sunsetting)\b"
        rf"|\bwill {_PRODUCT} (?:\S+ )?(?:host|gain|adopt|have|replace|join|switch|move|let"
        rf"|accept)\b.{{0,60}}"
        rf"|\b(?:timelines?|time ?frames?|eta|target date|launch date|release date) (?:for|of"
        rf"|on) (?!{_MINE}\b)"
        rf"|\bhow long (?:until|till|before) (?:{_PRODUCT})\b"
        r"|\bwill there (?:ever|soon|also|eventually|finally) be\b|\bwill there be (?:an?|any|more"
        r"|new) (?:\w+ ){0,2}?"
        r"(?:versions?|apps?|clients?|regions?|releases?|apis?|sdks?|plugins?|discounts?|tiers?"
        r"|editions?|features?"
        r"|support|integrations?|successors?|launch|models?|changes to)\b"
        rf"|\b(?:any|their|your|its|the|(?:amazon|aws|anthropic|company|vendor|team)'s) plans?"
        rf" (?:for|to|on|regarding|about"
        rf"|with) (?!{_MINE}\b)"
        r"|\b(?:has|is|was) (?:a|the|any) (?:\w+ )?date (?:been )?(?:set|fixed|known|decided|chosen)\b"
        r"|\b(?:ga|general availability) (?:of|for|date|planned)\b|\bbeta\b.{0,30}\b(?:over|end|ends"
        r"|leave)\b"
        r"|\b(?:hints?|news|word|idea|clues?|rumou?rs?) (?:about|on|of|as to) (?:what|which|when|whether)\b"
        r"|\b(?:improvements?|changes|features?|functions?|enhancements?|additions?|integrations?|updates?"
        r"|upgrades?|capabilit\w+|connectors?|regions?|models?) (?:are|is|have been"
        r"|do you have) (?:being |already )?"
        r"(?:planned|coming|scheduled|in the works|in development|under development|on the way)\b"
        rf"|\b(?:is|are) {_PRODUCT}\b(?: \S+){{0,3}}? (?:coming|getting|launching|releasing|adding|dropping"
        r"|retiring|sunsetting|shipping|arriving|replacing|leaving|moving|ending|raising|lowering|cutting"
        r"|opening|expanding|introducing|discontinuing|deprecating|bringing|switching)\b"
        r"|\b(?:is|are) (?!the\b|my\b|our\b|it\b|this\b|we\b|i\b)(?:\S+ ){1,4}?(?:finally |ever |also "
        r"|soon )?"
        r"(?:coming|launching|releasing|sunsetting|being (?:retired|discontinued|deprecated"
        r"|replaced)) ?(?:to|in|out"
        r"|for|soon|next|with|by|this|\?|$)"
        rf"|\bhow soon (?:can|will|could|do|does|is|are)\b.{{0,40}}\b{_PRODUCT}\b"
        r"|\b(?:which|what) (?:\w+ ){0,2}?(?:regions?|features?|models?|services?|languages?|runtimes?"
        r"|versions?|integrations?|countries|country|connectors?|products?|launch\w*|release) (?:come"
        r"|comes|are|is"
        r"|will be|gets?|get)(?: \w+)? next\b"
        rf"|\b(?:has|have|did) {_PRODUCT} (?:already |finally )?(?:decid\w*|settled|chosen|picked"
        rf"|set a date)\b"
        r"|\b(?:any|some) (?:word|news|hints?|updates?|idea|clue|information|info) (?:on|about|as to|of)? ?"
        r"(?:when|whether|if|the (?:launch|release|next|new|upcoming)|a (?:launch|release|successor|new))\b"
        r"|\b(?:know|say|heard?|tell me|known|idea|sure|guess|hint|reveal|confirm) (?:me )?(?:whether|if"
        r"|when) "
        rf"(?!{_MINE}\b)(?:\S+ ){{1,5}}?(?:will|is going to|are going to|plans? to|gets?|(?:is"
        rf"|are) getting|comes?"
        r"|'ll)\b"
        r".{0,60}"
        r"|\bwhen(?:'?s| is| are) (?:the|your) (?:next|new|upcoming)\b.{0,60}?\b(?:com(?:e|ing)|out"
        r"|here|available|released?"
        r"|due out|arriv\w*|land\w*|launch\w*)\b"
        r"|\b(?:successor|replacement) (?:of|for|to) "
        rf"(?:{_PRODUCT})\b.{{0,30}}\?"
        r"|\bwhat (?:\w+ ){0,2}(?:are|is) (?:you|aws|amazon|the team|they"
        r"|anthropic) (?:\w+ )?(?:getting|planning|releasing|launching|working|building|adding"
        r"|cooking|preparing|going)\b"
    ),
    (
        r"\b(?:forecast\w*|predict\w*|project(?:ed|ion|ions)|estimate\w*)\b|\b(?:revenue|sales"
        r"|demand|churn|turnover|profit|margin|traffic|orders?|bookings|headcount|spend\w*|costs?"
        r"|bill|usage|inventory|stock)\b.{0,40}\b(?:be|grow\w*|look|reach|trend|next|drop|increase"
        r"|exceed|rise|fall)\b"
        r"|\bwill you (?:\S+ ){1,2}?(?:what )?(?:me|my|us|our|i|i'm|i've)\b|\bwhy won'?t\b"
        r"|\bwhen should (?:i|we)\b"
        r"|\bwill (?:(?!(?:any|some|every|no)?thing\b)[a-z]{2,20}ing) (?:to |from |in |off "
        r"|on )?(?:an?|the|my|our|more|all|these|this)\b"
        r"|\b(?:(?<!get )(?<!gets )(?<!be )(?<!being )(?<!getting )published|documented|documentation"
        r"|as stated|according to|official(?:ly)?|already|has been announced"
        r"|have been announced|were announced|was announced|been announced (?:for|this|last)"
        r"|announced (?:this|last|so far|date)|did|launched (?:this|last|in)|released (?:this|last"
        r"|in)|changelog|what'?s new page|release notes"
        r"|(?:today|currently|right now|at the moment)(?<!working on right now)(?! (?:working|planning"
        r"|building))"
        r"|yesterday|last (?:week|month|year|quarter))\b"
        r"|\b(?:when|will|is|are) (?:my|our|the scheduled|this|the next (?:maintenance|run|backup"
        r"|scheduled|inspection|payment|invoice|window))\b|\bnext (?:maintenance|run|scheduled"
        r"|backup|inspection|invoice|payment|billing|overhaul|service interval|window)\b"
        r"|\bmaintenance window\b|\bscheduled (?:query|job|run|task|export|report)\b"
        r"|\bif (?:i|we|the|my|our|you (?:add|change|set|use|run))\b|\b(?:my|our) (?:next|future"
        r"|upcoming|new|roadmap|plan\w*|product|release|customers?|team'?s|road map|launch|app"
        r"|service)\b|\b(?:in|is|i see in) preview\b.{0,30}\b(?:billed|charged|free|cost|sla"
        r"|supported)\b|\bbuild (?:a|my|our) (?:product )?roadmap\b"
        r"|\bhow (?:do|can|should|to) (?:i|we|you)?\b|\bwhen (?:was|were|did|has|have)\b"
    ),
    (
        rf"\b(?:{_AHEAD}\b.{{0,300}}\?"
        rf"|(?:tell|say|show|give|share|confirm|reveal|leak|hint|any)\b.{{0,80}}?\b{_AHEAD}\b)"
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
    r"|in (?:the )?(?:spring|summer|autumn|fall|winter|new year|(?:first|second) half)"
    r"|after (?:the summer|christmas)"
    r"|before (?:the )?(?:end|year|summer|christmas)|tomorrow|in (?:two|three|four|six|a few"
    r"|\d+) (?:days|weeks|months))"
)

FUTURE_COMMITMENT = topic_rule(
    "future_commitment",
    (
        rf"\b{_PROVIDER} (?:\w+ )?(?:will|'ll|shall|is going to|are going to|'re going to"
        rf"|am going to|'m going to|plans? to|is planning to|are planning to|intends? to"
        rf"|expects? to|aims? to|is about to|are about to|is set to|commits? to|promised? to"
        rf"|pledges? to|guarantees? to|hopes? to|have decided to|has decided to"
        rf"|can commit to)(?: \w+){{0,3}}? {_PROMISED}\b"
        rf"|\b(?:we'll|i'll|they'll|it'll)(?: \w+){{0,3}}? {_PROMISED}\b"
        rf"|\b(?:we're|i'm|they're|we are|they are) (?:\w+ )?(?:going to|about to|planning to|set to"
        rf"|committed to)(?: \w+){{0,3}}? {_PROMISED}\b"
        rf"|\byou(?:'ll| will) (?:soon |then |also )?(?:get|have|receive|be able to|be refunded|own|pay)\b"
        rf".{{0,60}}?\b{_WHEN}\b"
        r"|\b(?:from|starting|as of|beginning) (?:in |with )?(?:next|tomorrow|january|february|march"
        r"|april|may|june|july"
        r"|august|september|october|november|december|q[1-4]|20[2-9]\d)(?: \w+)?(?: on"
        r"| onwards?)?,? .{0,40}?"
        r"\b(?:will|is|are|'ll|can|costs?|pays?)\b"
        rf"|\b(?:we|i|they)(?:'ll| will) (?:have|get|make|finish|complete|do) .{{0,50}}?\b{_WHEN}\b"
        r"|\bsoon,? (?:you|we|it|this|that|they|all|every\w*|customers|users)(?:'ll| will| can)\b"
        r"|\b(?:account|you|customers?|users?|every(?:one|body)) (?:will|'ll) (?:\w+ )?be (?:credited"
        r"|refunded"
        r"|compensated|reimbursed|upgraded|paid back)\b"
        r"|\b(?:faster|cheaper|better|free|available|fixed|gone|supported|possible) (?:after|with|in"
        r"|from) (?:the )?"
        r"(?:next|coming|upcoming)\b"
        r"|\b(?:has|have|is|are|am|'ve|'re|'m) (?:\w+ )?(?:committed to|promised|pledged|guaranteed)\b"
        r"|\b(?:by|in|during|before|until) (?:the )?(?:summer|spring|autumn|fall|winter|christmas|q[1-4]"
        r"|20[2-9]\d"
        r"|(?:coming|next|near|following) \w+|end of (?:the )?\w+)\b.{0,50}?\b(?:will|'ll|going to)\b"
        r"|\b(?:our|the) roadmap (?:has|includes|contains|lists|shows|says|foresees)\b"
        r"|\b(?:team|company|vendor|aws|amazon|provider) (?:guarantees|promises|pledges|commits|assures"
        r"|warrants)\b"
        r"|\b(?:we|aws|amazon|prices?|the team)(?: will never|'ll never| won'?t ever| will not ever"
        r"| won'?t| will not)"
        r" (?:ever |again )?(?:raise|increase|charge|change|deprecate|remove|drop|retire|lose|sell|rise"
        r"|go up|discontinue"
        r"|stop|shut|abandon|cancel|kill|end|leave)\b"
        r"|\b(?:will|'ll|shall) (?:very )?soon (?!be done|finish)\w+"
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
        r"|\b(?:coming soon|stay tuned|on (?:the|our) roadmap|(?:is|are|'s|'re|tiers?|features?"
        r"|versions?|connectors?|models?) in the (?:works|making)|in the (?:works|pipeline) for"
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
        r"|^if\b|\bif you\b|\bunless\b|\bonce you\b|\bafter you\b|\bwhen you\b"
        r"|\b(?<!soon )(?<!soon, )you(?:'ll"
        r"| will) (?:see|need|find|have to|be (?:asked|prompted|charged|billed|able|redirected))\b"
        rf"|^(?:(?:next|now|first|then|here|below)[, ]+)?(?:we|i)(?:'ll| will| shall) (?:now |first "
        rf"|then |also )?(?:look|go"
        rf"|compare|list|explain|walk|describe|show|summari[sz]e|discuss|check|assume|start"
        rf"|begin)\b(?!.{{0,200}}\b{_WHEN}\b)"
        r"|\bin the window you\b|\baccording to\b|\bpublished\b|\bdocument(?:ed|ation)\b"
        r"|\bofficial(?:ly)? (?:announc\w*|schedule|page)\b|\bannounced (?:on|in|for|at|that)\b"
        r"|\bbecame\b"
    ),
    (
        r"\b(?:will|won'?t|going to|plan\w*|next|soon|com(?:es|ing)|upcoming|roadmap|promis\w*|guarante\w*"
        r"|expect\w*|commit\w*|aim\w*|intend\w*|about to|set to|shall|never|my word|is getting|are getting"
        r"|starts?|starting"
        r"|opens?|launch|launches|launching|lands?|ships?|shipping|brings?|arriv\w*|takes effect|on its way"
        r"|effective|decided|foresees|future|before long|(?:i|you|we|they|it|that|this|there)'ll"
        r"|from 20(?:2|3|4)\d|in the (?:works|pipeline|making)|on the way)\b"
    ),
)
