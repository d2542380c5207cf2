/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The rules of the image group, of serial recovery, and of the reset that ends it all. */
#include "conform.h"

/* clang-format off */
#define FIRST  "W 1 1 {'off':0,'len':#len,'sha':'$sha','data':'$c0'}"
#define SECOND "W 1 1 {'off':#off1,'data':'$c1'}"
#define LAST   "W 1 1 {'off':#off2,'data':'$c2'}"
#define DONE   "{'off':#len,'match':true} | {'off':#len,'match':'!'}"
#define WRITES (CONFORM_WRITES | CONFORM_SLOW)
#define SLOT   (WRITES | CONFORM_SLOT)
#define ERASE  { "W 1 5 {}", "{} | rc 8" }
#define MARKS  { "W 1 0 {}", "err 1:24=3" } /* or not offered: a loader that chooses by itself */
#define CONFIRMED "{'images':['~',{'active':true,'confirmed':true}]}"
#define WHOLE  { FIRST, "{'off':#off1}" }, { SECOND, "{'off':#off2}" }, { LAST, DONE }

const struct conform_rule conform_image[] = {
    { "list", "images are listed by slot with version, hash and flags", "list", 0,
      { { "R 1 0 {}",
          "{'images':[{'image?':'?uint','slot':'?uint','version':'?text','hash?':'?bytes',"
          "'bootable?':'?bool','pending?':'?bool','confirmed?':'?bool','active?':'?bool',"
          "'permanent?':'?bool'}],'splitStatus?':'?int'}" } } },
    { "slots", "slots are told with their sizes", "slot info", CONFORM_OPTIONAL,
      { { "R 1 6 {}",
          "{'images':[{'image':'?uint','slots':[{'slot':'?uint','size?':'?uint','rc?':'?int',"
          "'upload_image_id?':'?uint'}],'max_image_size?':'?uint'}]}" } } },
    { "reserved", "the reserved command 2 is not supported", "list", 0,
      { { "R 1 2 {}", "rc 8" }, { "W 1 2 {}", "rc 8" } } },
    { NULL, NULL, NULL, 0, { { 0 } } },
};

const struct conform_rule conform_upload[] = {
    { "erase", "the other slot can be erased", "erase", SLOT | CONFORM_OPTIONAL,
      { { "W 1 5 {}", "{}" }, { "W 1 5 {'slot':#other}", "{}" } } },
    { "bad erase", "neither the running slot nor one that is not there is erased", "erase",
      WRITES | CONFORM_OPTIONAL,
      { { "W 1 5 {'slot':#active}", "err 1:9=6" }, { "W 1 5 {'slot':99}", "refused" },
        { "W 1 5 {'slot':'1'}", "rc 3" } } },
    { "no upload", "a chunk that belongs to no upload is answered with 0", "upload", WRITES,
      { { "W 1 1 {}", "err 1:20=3" }, { SECOND, "{'off':0}" } } },
    { "bad map", "fields of another type are invalid", "upload", WRITES,
      { { "W 1 1 {'off':'0','len':#len,'data':'$c0'}", "rc 3" },
        { "W 1 1 {'off':0,'len':#len,'data':'text'}", "rc 3" },
        { "W 1 1 {'off':-1,'len':#len,'data':'$c0'}", "rc 3" } } },
    { "no offset", "a chunk has an offset", "upload 1", WRITES,
      { { "W 1 1 {'len':#len,'data':'$c0'}", "err 1:20=3" } } },
    { "no header", "the first chunk holds a whole header", "upload 2", WRITES,
      { { "W 1 1 {'off':0,'len':#len,'data':'$short'}", "err 1:22=3" },
        { "W 1 1 {'off':0,'len':#len,'data':'$none'}", "err 1:22=3" },
        { "W 1 1 {'off':0,'len':#len}", "err 1:22=3" } } },
    { "no length", "the first chunk tells the length", "upload 3", WRITES,
      { { "W 1 1 {'off':0,'data':'$c0'}", "err 1:21=3" } } },
    { "no magic", "the first chunk begins with the magic", "upload 4", WRITES,
      { { "W 1 1 {'off':0,'len':#len,'data':'$nomagic'}", "err 1:23=1" } } },
    { "long sha", "a sha has 32 bytes at most", "upload 5", WRITES,
      { { "W 1 1 {'off':0,'len':#len,'sha':'$longsha','data':'$c0'}", "err 1:24=3" } } },
    { "too large", "an image that does not fit is refused", "upload 9", SLOT,
      { { "W 1 1 {'off':0,'len':2000000000,'data':'$c0'}", "err 1:30=1" } } },
    { "downgrade", "with upgrade a lower version is refused", "upload 12", SLOT,
      { { "W 1 1 {'off':0,'len':#len,'data':'$c0','upgrade':true}", "err 1:27=6" } } },
    { "first", "the first chunk is answered with what comes next", "upload", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" } } },
    { "next", "each chunk is answered with what comes next", "upload", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" }, { SECOND, "{'off':#off2}" } } },
    { "wrong offset", "a chunk elsewhere is dropped and answered with the right offset", "upload",
      SLOT,
      { ERASE, { FIRST, "{'off':#off1}" }, { LAST, "{'off':#off1}" },
        { "W 1 1 {'off':7,'data':'$c1'}", "{'off':#off1}" }, { SECOND, "{'off':#off2}" } } },
    { "resume", "the same sha goes on where the upload stands", "upload 6", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" }, { SECOND, "{'off':#off2}" }, { FIRST, "{'off':#off2}" } } },
    { "another sha", "another sha starts anew", "upload 6", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" }, { SECOND, "{'off':#off2}" },
        { "W 1 1 {'off':0,'len':#len,'sha':'$othersha','data':'$c0'}", "{'off':#off1}" } } },
    { "no sha", "without a sha nothing goes on", "upload 6", SLOT,
      { ERASE, { "W 1 1 {'off':0,'len':#len,'data':'$c0'}", "{'off':#off1}" },
        { SECOND, "{'off':#off2}" },
        { "W 1 1 {'off':0,'len':#len,'data':'$c0'}", "{'off':#off1}" } } },
    { "overrun", "data beyond the length is refused, and ends the upload", "upload", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" }, { SECOND, "{'off':#off2}" },
        { "W 1 1 {'off':#off2,'data':'$all'}", "err 1:31=1" }, { LAST, "{'off':0}" } } },
    { "refused first", "a first chunk that is refused ends the upload that ran", "upload", SLOT,
      { ERASE, { FIRST, "{'off':#off1}" },
        { "W 1 1 {'off':0,'len':#len,'data':'$nomagic'}", "err 1:23=1" },
        { SECOND, "{'off':0}" } } },
    { "erase ends", "an erase ends the upload", "erase", SLOT | CONFORM_OPTIONAL,
      { { "W 1 5 {}", "{}" }, { FIRST, "{'off':#off1}" }, { "W 1 5 {}", "{}" },
        { SECOND, "{'off':0}" } } },
    { "mismatch", "a file that is not that of its sha is told", "upload 5", SLOT,
      { ERASE, { "W 1 1 {'off':0,'len':#len,'sha':'$othersha','data':'$c0'}", "{'off':#off1}" },
        { SECOND, "{'off':#off2}" },
        { LAST, "{'off':#len,'match':false} | {'off':#len,'match':'!'}" } } },
    { "whole", "a whole image arrives, is listed, and ends the upload", "upload", SLOT,
      { ERASE, WHOLE, { "R 1 0 {}", "{'images':['~',{'version':'0.0.0','hash':'$hash'}]}" },
        { LAST, "{'off':0}" } } },
    { NULL, NULL, NULL, 0, { { 0 } } },
};

const struct conform_rule conform_state[] = {
    { "running", "one of the images is the active one", "list", 0,
      { { "R 1 0 {}", "{'images':['~',{'active':true}]}" } } },
    { "no hash", "a test names an image", "state 2", CONFORM_OPTIONAL | CONFORM_WRITES,
      { { "W 1 0 {'confirm':false}", "err 1:24=3" }, { "W 1 0 {}", "err 1:24=3" },
        { "W 1 0 {'hash':'$none','confirm':false}", "err 1:24=3" } } },
    { "short hash", "a hash has its whole length", "state 3", CONFORM_OPTIONAL,
      { { "W 1 0 {'hash':'$x0011','confirm':false}", "err 1:24=3" } } },
    { "no such image", "a hash that no slot holds is not found", "state 3", CONFORM_OPTIONAL,
      { { "W 1 0 {'hash':'$otherhash','confirm':false}", "err 1:8=1 | err 1:24=3" } } },
    { "bad state", "fields of another type are invalid", "state 1", CONFORM_OPTIONAL,
      { { "W 1 0 {'hash':'text'}", "rc 3" }, { "W 1 0 {'confirm':'yes'}", "rc 3" } } },
    { "test running", "the running image can't be tested", "state 5",
      CONFORM_OPTIONAL | CONFORM_WRITES,
      { { "W 1 0 {'hash':'$running','confirm':false}", "err 1:33=1" } } },
    { "confirm", "the running image is confirmed, and the list is the answer", "state 2",
      CONFORM_OPTIONAL | CONFORM_WRITES,
      { { "W 1 0 {'confirm':true}", CONFIRMED },
        { "W 1 0 {'hash':'$none','confirm':true}", CONFIRMED } } },
    { "gone", "what was erased can't be tested", "state 3", SLOT | CONFORM_OPTIONAL,
      { MARKS, { "W 1 5 {}", "{}" }, WHOLE, { "W 1 5 {}", "{}" },
        { "W 1 0 {'hash':'$hash','confirm':false}", "err 1:8=1" } } },
    { "test", "an image that was uploaded is pending once it is to be tested", "state 6",
      SLOT | CONFORM_SWAPS | CONFORM_OPTIONAL | CONFORM_ONCE,
      { MARKS, { "W 1 5 {}", "{}" }, WHOLE,
        { "W 1 0 {'hash':'$hash','confirm':false}",
          "{'images':['~',{'hash':'$hash','pending':true}]}" },
        { "W 1 0 {'hash':'$hash','confirm':false}", "{'images':'?array'}" },
        { "W 1 0 {'hash':'$hash','confirm':true}", "err 1:28=6" },
        { "W 1 5 {}", "{} | err 1:9=6" } } },
    { NULL, NULL, NULL, 0, { { 0 } } },
};

const struct conform_rule conform_recovery[] = {
    { "control", "switching the console's echo off is granted", "recovery", CONFORM_OPTIONAL,
      { { "W 0 1 {'echo':0}", "rc 0" } } },
    { "one request", "a packet is one request", "recovery", CONFORM_ONCE,
      { { "= 0a 00 00 06 00 00 tt 00 a1 61 64 62 68 69 0a 00 00 06 00 00 ss 00 a1 61 64 62 79 6f",
          "no answer" } } },
    { "no offset", "a chunk has an offset", "recovery", CONFORM_WRITES,
      { { "W 1 1 {'len':#len,'data':'$c0'}", "rc 3" } } },
    { "no length", "the first chunk tells the length", "recovery", CONFORM_WRITES,
      { { "W 1 1 {'off':0,'data':'$c0'}", "rc 3" } } },
    { "too large", "an image that does not fit is refused", "recovery", WRITES,
      { { "W 1 1 {'off':0,'len':2000000000,'data':'$c0'}", "refused" } } },
    { "upload", "chunks are answered with rc 0 and what comes next", "recovery", WRITES,
      { { FIRST, "{'rc':0,'off':#off1}" }, { LAST, "{'rc':0,'off':#off1}" },
        { SECOND, "{'rc':0,'off':#off2}" }, { LAST, "{'rc':0,'off':#len}" } } },
    { "restart", "a first chunk starts anew, whatever its sha", "recovery", WRITES,
      { { FIRST, "{'rc':0,'off':#off1}" }, { SECOND, "{'rc':0,'off':#off2}" },
        { FIRST, "{'rc':0,'off':#off1}" } } },
    { "overrun", "data beyond the length is invalid", "recovery", WRITES,
      { { FIRST, "{'rc':0,'off':#off1}" }, { SECOND, "{'rc':0,'off':#off2}" },
        { "W 1 1 {'off':#off2,'data':'$all'}", "rc 3" } } },
    { NULL, NULL, NULL, 0, { { 0 } } },
};

/* The last one: nothing may be asked of a device that restarts. */
const struct conform_rule conform_reset[] = {
    { "reset", "a reset is answered first, and the device comes back", "reset",
      CONFORM_RESETS | CONFORM_ONCE,
      { { "W 0 5 {}", "{}" } } },
    { NULL, NULL, NULL, 0, { { 0 } } },
};
/* clang-format on */

const struct conform_group conform_groups[] = {
    { "protocol", CONFORM_ANY, conform_protocol },
    { "packets", CONFORM_APPLICATION, conform_application },
    { "hostile", CONFORM_ANY, conform_hostile },
    { "os", CONFORM_ANY, conform_os },
    { "more", CONFORM_APPLICATION, conform_others },
    { "image", CONFORM_ANY, conform_image },
    { "upload", CONFORM_APPLICATION, conform_upload },
    { "state", CONFORM_APPLICATION, conform_state },
    { "recovery", CONFORM_RECOVERY, conform_recovery },
    { "reset", CONFORM_ANY, conform_reset },
    { NULL, CONFORM_ANY, NULL },
};
