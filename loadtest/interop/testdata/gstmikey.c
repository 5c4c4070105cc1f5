/*
 * GStreamer's MIKEY code judges ours: one request a line on stdin, one answer a line on stdout.
 *
 *   read HEX                  parse a message; answer "TYPE CSB" and a KEYDATA for each key data sub-payload of its KEMACs
 *   write CSB KEYDATA ...     build a PSK I_MESSAGE (T, RAND, KEMAC with NULL encryption and NULL MAC, no ID); answer its octets
 *
 * KEYDATA is TYPE/KEY/SALT/KV/A/B: TYPE as on the wire (odd: with salt), KEY and SALT in hexadecimal, KV 0, 1 (A is the SPI) or 2 (A and
 * B are the interval). An empty field is empty. "error" and a reason answers what GStreamer refuses.
 *
 * Debian 12's GStreamer 1.22.0 loops for ever on payloads that it does not know (ID, V, General Ext, ...): the alarm ends that. NULL
 * protection exists in these messages only; no part of the product makes or takes them.
 */
#include <gst/gst.h>
#include <gst/sdp/gstmikey.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 10 /* for all requests together */

static GByteArray *unhex(const char *text)
{
  GByteArray *out = g_byte_array_new();
  unsigned octet;

  for (; sscanf(text, "%2x", &octet) == 1; text += 2) {
    guint8 b = octet;
    g_byte_array_append(out, &b, 1);
  }
  return out;
}

static void hex(const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    printf("%02x", data[i]);
}

static void tell(const GstMIKEYPayloadKeyData *k)
{
  printf(" %d/", (k->key_type & ~1) | (k->salt_len > 0));
  hex(k->key_data, k->key_len);
  putchar('/');
  hex(k->salt_data, k->salt_len);
  printf("/%d/", k->kv_type);
  hex(k->kv_data[0], k->kv_type == GST_MIKEY_KV_NULL ? 0 : k->kv_len[0]);
  putchar('/');
  hex(k->kv_data[1], k->kv_type == GST_MIKEY_KV_INTERVAL ? k->kv_len[1] : 0);
}

static void answer_read(const char *text)
{
  GByteArray *raw = unhex(text);
  GError *error = NULL;
  GstMIKEYMessage *m = gst_mikey_message_new_from_data(raw->data, raw->len, NULL, &error);

  if (m == NULL) {
    printf("error %s\n", error != NULL ? error->message : "no message");
    return;
  }
  printf("%d %08x", m->type, m->CSB_id);
  for (guint i = 0;; i++) {
    const GstMIKEYPayload *p = gst_mikey_message_get_payload(m, i);
    if (p == NULL)
      break;
    if (p->type != GST_MIKEY_PT_KEMAC)
      continue;
    for (guint n = 0; n < gst_mikey_payload_kemac_get_n_sub(p); n++)
      tell((const GstMIKEYPayloadKeyData *)gst_mikey_payload_kemac_get_sub(p, n));
  }
  putchar('\n');
  gst_mikey_message_unref(m);
  g_byte_array_unref(raw);
}

static GstMIKEYPayload *key_data(char **field)
{
  GstMIKEYPayload *p = gst_mikey_payload_new(GST_MIKEY_PT_KEY_DATA);
  GByteArray *key = unhex(field[1]), *salt = unhex(field[2]), *a = unhex(field[4]), *b = unhex(field[5]);

  gst_mikey_payload_key_data_set_key(p, atoi(field[0]) & ~1, key->len, key->data);
  if (salt->len > 0)
    gst_mikey_payload_key_data_set_salt(p, salt->len, salt->data);
  if (atoi(field[3]) == GST_MIKEY_KV_SPI)
    gst_mikey_payload_key_data_set_spi(p, a->len, a->data);
  if (atoi(field[3]) == GST_MIKEY_KV_INTERVAL)
    gst_mikey_payload_key_data_set_interval(p, a->len, a->data, b->len, b->data);
  return p;
}

static void answer_write(char **word)
{
  static const guint8 now[8] = { 0xee, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 }, nonce[16] = { 1, 2, 3 };
  GstMIKEYMessage *m = gst_mikey_message_new();
  GstMIKEYPayload *kemac = gst_mikey_payload_new(GST_MIKEY_PT_KEMAC);
  GError *error = NULL;
  GBytes *raw;

  gst_mikey_message_set_info(m, GST_MIKEY_VERSION, GST_MIKEY_TYPE_PSK_INIT, FALSE, GST_MIKEY_PRF_MIKEY_1,
                             strtoul(word[0], NULL, 16), GST_MIKEY_MAP_TYPE_SRTP);
  gst_mikey_message_add_cs_srtp(m, 0, 0x01020304, 0);
  gst_mikey_message_add_t(m, GST_MIKEY_TS_TYPE_NTP_UTC, now);
  gst_mikey_message_add_rand(m, sizeof nonce, nonce);
  gst_mikey_payload_kemac_set(kemac, GST_MIKEY_ENC_NULL, GST_MIKEY_MAC_NULL);
  for (word++; *word != NULL; word++) {
    char **field = g_strsplit(*word, "/", 6);
    gst_mikey_payload_kemac_add_sub(kemac, key_data(field));
    g_strfreev(field);
  }
  gst_mikey_message_add_payload(m, kemac);
  raw = gst_mikey_message_to_bytes(m, NULL, &error);
  if (raw == NULL) {
    printf("error %s\n", error != NULL ? error->message : "no octets");
    return;
  }
  hex(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
  putchar('\n');
  g_bytes_unref(raw);
  gst_mikey_message_unref(m);
}

int main(int argc, char **argv)
{
  static char line[65536];

  gst_init(&argc, &argv);
  alarm(SECONDS);
  while (fgets(line, sizeof line, stdin) != NULL) {
    char **word = g_strsplit(g_strstrip(line), " ", -1);
    if (g_strv_length(word) == 2 && strcmp(word[0], "read") == 0)
      answer_read(word[1]);
    else if (g_strv_length(word) > 2 && strcmp(word[0], "write") == 0)
      answer_write(word + 1);
    else
      printf("error no such request\n");
    fflush(stdout);
    g_strfreev(word);
  }
  return 0;
}
