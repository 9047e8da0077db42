"""Given names common in many countries, and endings of surnames; names that products bear are left out."""

_GIVEN = """
    aaron abdul abdullah abigail adam adele adrian adriana agata agnes agnieszka ahmad ahmed aisha alan
    albert alberto alejandra alejandro aleksandra alessandra alessandro alex alexander alexandra alexandre
    alexis alfred ali alice alicia alina alison allison amanda amelia amir amit amy ana anastasia anders
    andrea andreas andrei andrej andres andrew andrzej angel angela angelo angie anita anja ann anna anne
    annette annie anthony antoine anton antonia antonio anya arjun arnold arthur arturo asha ashley astrid
    audrey barbara barry bart bartosz beata beatrice beatriz ben benjamin bernard bernd beth bethany betty
    beverly bianca bilal birgit bjorn bob bogdan boris brad bradley brandi brandon brenda brendan brent
    brett brian bridget britta brittany bruce bruno bryan caitlin camila camille carl carla carlo carlos
    carmen carol carolina caroline carolyn carrie catarina catherine cathy cecilia celia chad charlene
    charles charlie cheryl chiara chloe chris christian christina christine christoph christopher cindy
    claire clara claudia clemens clement colin colleen connor constance corey courtney craig cristian
    cristina curtis cynthia dagmar daisy dale dan dana daniel daniela danielle danny daria darius darlene
    darren dave david dawn dean deborah debra deepak denis denise dennis derek diana diane diego dieter
    dimitri dmitri dmitry dominic dominik don donald donna doris dorothy douglas dylan ebony eddie edgar
    eduardo edward edwin eileen ekaterina elaine eleanor elena eli elias elijah elisa elisabeth elizabeth
    ella ellen emil emilia emilie emily emma emmanuel enrique eric erica erik erika erin ernest esteban
    esther ethan eugene eva evan evelyn fatima federico felicia felipe felix fernanda fernando filip fiona
    florian frances francesca francesco francis francisco franck francois frank franz fred frederick
    frederik gabriel gabriela gabrielle gail gareth gary gavin geoffrey georg george georgia gerald gerard
    gerhard giovanni gina giorgio giulia giuseppe glenn gloria gordon greg gregory greta guillaume gunnar
    gustav guy hana hanna hannah hans harald harold harriet harry hasan hassan heather heidi heike heinz
    helen helena helga henri henrik henry herbert herman hilda holly howard hugo hussein ian ibrahim
    ignacio igor ilona imran ines inga ingrid irene irina isaac isabel isabella isabelle ivan ivana jack
    jackie jackson jacob jacqueline jacques jaime jake jakob jakub james jamie jan jana jane janet janice
    jared jasmine jason javier jay jean jeff jeffrey jenna jennifer jenny jeremy jerry jesse jessica jesus
    jill jim jimmy joan joanna joanne joao joe joel johan johann johanna johannes john johnny jolanta jon
    jonas jonathan jordan jorge jose josef joseph joshua joyce juan juanita judith judy julian juliana
    julie julien juliet jun jurgen justin justyna kamil karen karim karin karina karl katarina katarzyna
    kate katherine kathleen kathryn kathy katie katja katrina kayla keith kelly kelsey ken kenneth kevin
    khalid kim kimberly klaus konrad krishna kristen kristin kristina kristine krystyna krzysztof kumar
    kurt kyle lars larry lasse laura lauren laurent laurie lawrence lea leah leon leonard leonardo leslie
    lesley liam lidia lillian linda lindsay lindsey linus lisa lloyd logan lois lorenzo lori lorraine
    louis louise luca lucas lucia luciana lucie lucy ludwig luigi luis luisa luke luna lydia lynn maciej
    maggie magda magdalena magnus mahmoud maja malgorzata manfred manuel manuela marc marcel marcela
    marcia marcin marco marcos marcus marek margaret margarita maria mariana marianne marie marina mario
    marion marissa marius marjorie mark markus marlene marta martha martin martina marvin mary mateo
    mateusz mathias mathieu matt matteo matthew matthias maureen maurice mauricio maxime maya megan mehmet
    mei melanie melinda melissa mia michael michaela michal micheal michel michele michelle miguel mikael
    mike mikhail mila milan milena miranda miriam misty mohamed mohammad mohammed moira molly monica
    monika morgan moritz muhammad mustafa nadia nancy naomi natalia natalie natasha nathan nathaniel neha
    neil nicholas nick nicola nicolas nicole nigel nikita nikola nikolai nikos nina noah noel nora norman
    oksana olaf olav oleg olga oliver olivia olivier omar oscar oskar otto owen pablo pamela paola paolo
    patricia patricio patrick paul paula pauline paulina paulo pavel pedro peggy penelope per peter petr
    petra phil philip philipp philippe phillip phyllis pierre piotr priya rachel radoslaw rafael rahul raj
    rajesh ralf ralph ramon randy raphael raquel rashid raul ravi raymond rebecca reinhard renata renate
    rene ricardo richard rick ricky rita rob robert roberta roberto robin rodrigo roger rohan roland rolf
    roman ron ronald rosa rosalie rosemary ross roy ruben rudolf russell ruth ryan sabine sabrina sally
    salma salvador sam samantha samir samuel sandeep sandra sandy sanjay santiago sara sarah sascha sean
    sebastian serena sergei sergey sergio seth shane shannon sharon shaun shawn sheila shelby sherry
    shirley silke silvia simon simone sofia sonia sonja sophia sophie stacey stacy stanislav stanley
    stefan stefanie stephan stephanie stephen steve steven stuart sue sunil susan susanne suzanne sven
    svetlana sylvia takeshi tamara tammy tania tanja tanya tara tatiana tatyana ted teresa terry thea
    theodore theresa thiago thomas tiffany tim timothy tina tobias todd tom tomas tomasz tommy toni tony
    tracey tracy travis trevor tristan troy tyler ulrich ulrike ursula uwe valentina valeria valerie
    vanessa vera veronica veronika vicki victor viktor viktoria vincent vincenzo virginia vivian vladimir
    walter wanda wayne wei wendy werner wilhelm william willie wojciech wolfgang xavier yasmin yolanda
    yuki yusuf yvonne zachary zoe zofia zuzana sergej nikhil anil suresh ramesh vijay kavita sunita pooja
    ananya hiroshi kenji akira yoko naoko keiko chen ling ming hui xiao jing juma amina kwame kofi chidi
    ngozi oluwaseun zeynep ayse emre murat fatma siobhan niamh aoife ciaran sinead eoin padraig rhys sian
    bronwen callum hamish isla freya
    """
GIVEN_NAMES = frozenset(_GIVEN.split())
"""In lower case."""

_ENDINGS = """
    sson ssen nsen rsen lsen tsen dsen ksen ová ova eva cki ski cka ska sky ský ská wicz icz czyk vić vic
    ović evich ovich escu enko chuk yuk shvili adze poulos akis idis mann stein feld baum quist qvist
    ström strom lund gaard berger meier meyer maier mayer dóttir dottir oğlu oglu ández ínez érez ópez
    ález andez inez erez opez alez iguez inen onen anen walla wala appa singh murthy swamy yama moto mura
    gawa kawa guchi nguyen zadeh pour worth shaw ington baugh burgh
    """
SURNAME_ENDINGS = tuple(_ENDINGS.split())
"""In lower case; nothing but a capitalised word is compared with them."""
