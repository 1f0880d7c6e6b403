"""Common English words, so that none of them is taken for a choice that was mistyped: "through" is no "thorough".

This module must not know any definition. Words too short to be corrected are left out.
"""

from parley_server.nlu.clauses import word_set

COMMON_WORDS = word_set("""
    ability account across action active activity actual actually address advice affect afford afternoon against
    agency almost already alright always amount animal annual another answer anybody anyone anything anyway anywhere
    apparent appear approach around arrange arrival arrive article asking attack attend author availability
    available average battle beautiful beauty became because become before behave behind belief believe belong
    beside better between beyond booked booking borrow bother bottle bottom bought branch bridge bright broken
    brother brought budget building business button calling cancel cannot capital carbon career careful carried
    casual caught causing center centre certain certainly chance change changed channel charge cheaper checkin
    checkout cheese choice choose church circle client climate closed closer coffee collect college coming comment
    common company compare compete complain complete concern confirm connect consider contact contain content
    contest context continue control cooking corner correct council counter country county couple course cousin
    create credit cricket crisis current custom customer damage danger daughter dealing debate decade decide decided
    decision declare decline deeper defeat defend define degree deliver demand depart depend deputy derive desert
    desire detail device differ different difficult dining dinner direct director doctor dollar drawing driven
    driver driving during earlier easily eating editor effect effort either eleven emerge empire employ enable
    ending energy engage engine enough ensure entire entitle escape especially estate evening eventually everybody
    everyone everything everywhere evidence exactly example excellent except excuse expand expect expensive expert
    explain expose extend extent fabric failed fairly fallen family famous farmer father feature feeling female
    figure filled finally finger finish finished flight follow forest forget forgot formal format former fortune
    forward fought fourth freedom friend friendly future garden gather general gentle getting giving global golden
    ground growing growth guilty handle happen happened hardly having health hearing heavily height herself higher
    himself history holiday honest hoping however hundred husband imagine impact import improve include including
    income indeed indoor inform injury inside instead insure intend interest invest invite invited involve island
    itself joined journal journey justice killed kitchen landing language larger largest lately latest latter lawyer
    leader leading league learning leaving lecture lesser lesson letter lighter likely limited listen little living
    loading location longer looked looking losing lovely luckily manage manager manner manual margin marked market
    married master material matter meaning measure medical medicine meeting member memory mental mention message
    method middle million minute mirror mobile modern moment monday monthly morning mostly mother motion moving
    murder museum myself narrow nation nature nearby nearly needed neither network nobody normally nothing notice
    notion number object obtain obvious office officer online opening operate opinion option orange ordered ordinary
    origin others ourselves outdoor outside packet parent parking partly partner passed passing patient pattern
    payment people perfect perform perhaps period permit person personal personnel picture planet planned planning
    player playing please pleased plenty pocket policy possible possibly prefer prepare present pretty prevent
    previous pricing prison private probably problem process produce profit program project promise proper properly
    protect provide public publish purpose quality quarter question quickly random rather reader reading really
    reason recall receive recent recently recipe record reduce reform refund refuse regard region related remain
    remember remote remove repair repeat replace report request rescue reserve result resume retain return reveal
    review reward rising running sample saturday saving schedule school screen search season second secret section
    sector secure seeing selling senior series serious seriously service setting settle several shared sharing
    shopping should shoulder showed shower signal silent silver similar simple simply single sister sitting slightly
    slowly smaller social somebody somehow someone something sometime sometimes somewhere source speaking special
    specific spirit spoken spread spring square stable standing started starting station status staying storage
    strange stream street stress strict strike string strong student studio stupid subject succeed sudden suddenly
    suffer suggest summer sunday supply support suppose surely surface surprise survey switch system taking talking
    target teacher telling thanks themselves theory therefore thinking thirty though thought thousand threat through
    thursday ticket together tomorrow tonight toward towards training travel trying tuesday turned twelve twenty
    unable unique unless unlike update useful usually vacation valley variety various vehicle version victim village
    visitor volume waiting walking wanted warning watching weapon wedding wednesday weekend weekly weight welcome
    western whatever whether window winner winter within without wonder wonderful wooden worker working worried
    writer writing written yellow yesterday yourself
""")
