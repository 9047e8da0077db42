"""The rule against running competitors down: who they are, and the words that do it.

Patterns run over single sentences that `memory.disguise.read` made plain: lower case, no accents.
"""

import re
from functools import lru_cache

from memory.topicrules import TopicRule, topic_rule

COMPETITORS = (
    "azure|microsoft|google|gcp|google cloud|bigquery|snowflake|databricks|"
    "oracle|tableau|ibm|alibaba|power bi|looker|qlik|salesforce|sap|teradata|"
    "cloudera|mongodb|openai|chatgpt|gemini|digitalocean|heroku|vercel|"
    "netlify|cloudflare|palantir|splunk|datadog|confluent|hetzner|ovh|rackspace|"
    "synapse|fabric|vertex ai|cosmos db|dataiku|fivetran|domo|thoughtspot|"
    "clickhouse|siemens|ge vernova|ge|general electric|ansaldo|mitsubishi|baker hughes|"
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
    r"|troubles?|headaches?|stay away|steer clear|regret\w*|relic|museum|fossil|half[- ]?baked"
    r"|half[- ]?hearted|through the nose"
    r"|for nothing|afterthought|(?:cash|money) grab|vapou?rware|unusable|unstable|unfinished|immature|inept"
    r"|arrogant|careless|evil|deceiv\w*|deceptive|mislead\w*|exploit\w* (?:its|their|your)"
    r"|overcharg\w*|nickel"
    r"|less (?:reliable|secure|stable|safe|capable|mature|useful|flexible|trustworthy|serious|powerful)"
    r"|prisoners?|victims?|shoddy|flawed|faulty|deficient|dubious|dodgy|lame|pointless|clumsy"
    r"|cumbersome|convoluted"
    r"|frustrat\w*|annoying|unfriendly|ruthless|monopol\w*|bull(?:y|ies)|parasites?|leech\w*"
    r"|swindl\w*|phon(?:y|ey)"
    r"|empty promises|nothing but|pure marketing|(?:just|only|all|mere) marketing|smoke and mirrors"
    r"|gimmicks?|sub-?par"
    r"|substandard|pale imitation|poor man'?s|low[- ]quality|wreck|catastroph\w*|chao(?:s|tic)"
    r"|fiasco|a failure|losers?"
    r"|stagnat\w*|irrelevant|has-been|doomed|collaps\w*|crumbl\w*|drown\w*|shuts? (?:every\w*|things"
    r"|products|it all)"
    r"|pulls? the plug|lets? you down|a pain|hard to (?:love|like|take seriously)|laughing ?stock"
    r"|hostage|best days|long gone|behind the times|downhill|past its prime|overrated|no future"
    r"|hold a candle"
    r"|stranded|yesterday'?s|clueless|bad choice|wrong choice|worst|disgrace|shameful|hate|hates"
    r"|horror|in (?:his|her|their) right mind|no sane|would never|never works"
    r"|rarely works|(?:just|only|badly) cop(?:y|ies|ied)|kills? (?:every|all|its|off|products?)"
    r"|los(?:es|ing) (?:\w+ )?(?:writes|messages|records|rows)|cares? (?:only )?(?:about"
    r"|for) (?:\w+ )?(?:money|profit|licen[cs]\w*|sales)"
    r"|only (?:cares?|wants?|interested)|can only dream|eats? our dust|light[- ]?years|nineties"
    r"|last century"
    r"|doesn'?t (?:work|scale|understand)|do not scale|slow(?:,| and) \w+|slow(?:er)? than a \w+"
    r"|shady|greedy|steal\w*|spy\w*|spies|sells? your data"
    r"|leak(?:s|y)|incompeten\w*|laughabl\w*|laugh at|knock-?offs?|copycat|sucks?|stinks?|(?:is|are"
    r"|was|totally|completely|hopelessly|fundamentally) broken"
    r"|liars?|lies|lying|desperate|goug\w*|struggl\w*|falling apart|falls? (?:apart|over)"
    r"|overhyped|over-hyped|hype|snake oil|wannabe|amateur\w*|failing|sloppy|painful|pain to"
    r"|hopeless|dishonest|unethical|crooks?|thieves|cheats?|sinking ship|house of cards|time bomb"
    r"|hot garbage|primitive|stone age|embarrass\w*|ridiculous|fools?|suckers?|idiots?|stupid"
    r"|crash\w*|vulnerable|swiss cheese|hacked|breach\w*|bankrupt\w*|(?:don'?t|do not"
    r"|never) (?:ever |even )?(?:bother|waste|let (?:\w+ )?(?:run|use|buy|near|choose)"
    r"|use|trust|buy|fall|touch|go near|choose|pick|rely|believe|recommend)"
    r"|only (?:for )?(?:fools|beginners|people who)|for people who (?:can'?t|cannot|don'?t)"
    r"|milk\w*|squeez\w*|hidden (?:fees|costs)|trap\w*|abandon\w*|doesn'?t care|don'?t care"
    r"|could not care less|slow as|sluggish|falls short|weak\w*|not (?:a )?serious\w*|no match"
    r"|not even close|disappoint\w*|ugly|flop\w*|cheap (?:copy|imitation))"
)

_SPARES_FACTS = (
    r"\b(?:in this benchmark|benchmark\w*|measured|according to|lists? its"
    r"|its price list|per (?:dbu|hour|gb|month|seat|query)|percent|survey|report(?:ed)? by"
    r"|status page|release notes|published)\b|(?<![\d.,])\d[\d.,]*+ ?(?:s|ms|%|percent|seconds|usd|dollars"
    r"|\$|gb|tb|hours?)\b|\bour (?:old |own |previous |former )"
    r"|\b(?:error|exception|failed|fails|failing|broken|bad) (?:connection|requests?|link|query"
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
        rf"|\b(?:avoid|keep away from|ditch|dump|forget(?: about)?) {name}"
        rf"|\b(?:unlike|in contrast to|as opposed to|compared (?:with|to)) {name}.{{0,60}}\b(?:not"
        rf"|never|actually|doesn'?t|don'?t|won'?t|really|can|cares?|works)\b"
        rf"|\b(?:only|nobody|no one|who(?:ever)?|anyone|anybody)\b.{{0,20}}\b(?:uses?|trusts?"
        rf"|buys?|chooses?|picks?|still)\b.{{0,15}}{name}"
    )
    return topic_rule("competitor_disparagement", finds, _SPARES_FACTS, name)
