"""How much a bot may write in a time, as python-telegram-bot sees it."""

from conformance.botapi_stage import Stage, flood_wait
from conformance.rules import accepted, refused


@accepted("botapi.flood-chat")
@refused("botapi.flood-chat")
async def test_one_message_or_edit_a_second_in_a_chat(botapi: Stage):
    botapi.world.flood_limits = True
    sent = await botapi.bot.send_message(botapi.person.id, "one")
    with flood_wait(1):
        await botapi.bot.edit_message_text("two", botapi.person.id, sent.message_id)
    botapi.clock.advance(1)
    await botapi.bot.edit_message_text("two", botapi.person.id, sent.message_id)
    with flood_wait(1):
        await botapi.bot.copy_message(botapi.person.id, botapi.person.id, sent.message_id)


@accepted("botapi.flood-overall")
@refused("botapi.flood-overall")
async def test_thirty_messages_a_second_over_all_chats(botapi: Stage):
    botapi.world.flood_limits = True
    people = [botapi.world.add_user(f"Person {n}") for n in range(31)]
    for each in people:
        botapi.world.send(each, botapi.user, text="hello")
    for each in people[:30]:
        await botapi.bot.send_message(each.id, "x")
    with flood_wait(1):
        await botapi.bot.send_message(people[30].id, "x")
    botapi.clock.advance(1)
    assert await botapi.bot.send_message(people[30].id, "x")


@accepted("botapi.flood-group")
@refused("botapi.flood-group")
async def test_twenty_messages_a_minute_in_a_group(botapi: Stage):
    botapi.world.flood_limits = True
    group = botapi.world.add_chat("supergroup", "Club", members=[botapi.user])
    for _ in range(20):
        await botapi.bot.send_message(group.id, "x")
        botapi.clock.advance(1)
    with flood_wait(40):
        await botapi.bot.send_message(group.id, "x")
    botapi.clock.advance(40)
    assert await botapi.bot.send_message(group.id, "x")
