"""What clients ask first: the configuration, the nearest data centre, the state of updates."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.mtproto.rpc import Call, method

_CONFIG_LIFETIME = 3600  # seconds


@method(functions.help.GetConfigRequest, login=False)
def get_config(call: Call, _request: Any) -> types.Config:
    """Addresses of all data centres; the limits are those Telegram tells."""
    now = int(call.site.now)
    return types.Config(
        date=now,
        expires=now + _CONFIG_LIFETIME,
        test_mode=False,
        this_dc=call.site.dc_id,
        dc_options=call.site.dc_options(),
        dc_txt_domain_name="localhost",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=172_800,
        revoke_time_limit=2_147_483_647,
        revoke_pm_time_limit=2_147_483_647,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=1024,
        message_length_max=4096,
        webfile_dc_id=call.site.dc_id,
    )


@method(functions.help.GetNearestDcRequest, login=False)
def get_nearest_dc(call: Call, _request: Any) -> types.NearestDc:
    return types.NearestDc("NL", call.site.dc_id, call.site.dc_id)


@method(functions.updates.GetStateRequest)
def get_state(call: Call, _request: Any) -> types.updates.State:
    """Nothing that counts ever happens on this door: updates go to the Bot API, but for updateLoginToken."""
    return types.updates.State(pts=1, qts=0, date=int(call.site.now), seq=0, unread_count=0)


@method(functions.updates.GetDifferenceRequest)
def get_difference(call: Call, _request: Any) -> types.updates.DifferenceEmpty:
    return types.updates.DifferenceEmpty(date=int(call.site.now), seq=0)
